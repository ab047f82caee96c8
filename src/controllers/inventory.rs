//! Inventory ids: `<namespace>_<name>_<group>_<kind>` (diff.md 2.11).

use crate::model::ObjectKey;

/// Groups whose object names may hold a colon, which the id writes as two underscores.
const WITH_COLONS: &str = "rbac.authorization.k8s.io";

/// Reads one id of a Flux inventory; `None` if it is none.
///
/// ```
/// use sealane::{controllers::inventory_id, model::ObjectKey};
/// assert_eq!(inventory_id("shop_cart_apps_Deployment"), Some(ObjectKey::new("apps", "Deployment", "shop", "cart")));
/// assert_eq!(inventory_id("_shop__Namespace"), Some(ObjectKey::new("", "Namespace", "", "shop")));
/// ```
pub fn inventory_id(id: &str) -> Option<ObjectKey> {
    let (namespace, rest) = id.split_once('_')?;
    let (rest, kind) = rest.rsplit_once('_')?;
    let (name, group) = rest.rsplit_once('_')?;
    if name.is_empty() || kind.is_empty() {
        return None;
    }
    let name = if group == WITH_COLONS { name.replace("__", ":") } else { name.to_owned() };
    Some(ObjectKey::new(group, kind, namespace, &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_all_shapes_are_read() {
        for (id, expected) in [
            ("shop_cart__Service", ObjectKey::new("", "Service", "shop", "cart")),
            (
                "_system__controller_rbac.authorization.k8s.io_ClusterRole",
                ObjectKey::new("rbac.authorization.k8s.io", "ClusterRole", "", "system:controller"),
            ),
            (
                "a_b_kustomize.toolkit.fluxcd.io_Kustomization",
                ObjectKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", "a", "b"),
            ),
        ] {
            assert_eq!(inventory_id(id), Some(expected), "{id}");
        }
        for id in ["", "a", "a_b", "a_b_c", "___", "a__g_K"] {
            assert_eq!(inventory_id(id), None, "{id}");
        }
    }
}
