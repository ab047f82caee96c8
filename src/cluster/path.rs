//! Paths of the API: every part encoded, so that a name from a file cannot become another request.

use super::error::ClusterError;
use crate::model::{KindInfo, clean};
use std::fmt::Write as _;

/// `/api/v1/namespaces/NS/TYPE[/NAME]` or its sibling under `/apis`. An empty namespace means all of them.
pub(super) fn of(
    info: &KindInfo,
    group: &str,
    version: &str,
    namespace: &str,
    name: Option<&str>,
) -> Result<String, ClusterError> {
    let mut path = if group.is_empty() { String::from("/api") } else { format!("/apis/{}", segment(group)?) };
    write!(path, "/{}", segment(version)?).unwrap_or_default();
    if info.namespaced && !namespace.is_empty() {
        write!(path, "/namespaces/{}", segment(namespace)?).unwrap_or_default();
    }
    write!(path, "/{}", segment(&info.plural)?).unwrap_or_default();
    if let Some(name) = name {
        write!(path, "/{}", segment(name)?).unwrap_or_default();
    }
    Ok(path)
}

/// One part of a path. Kubernetes allows no `/` and `%` in names, and neither `.` nor `..` as one
/// (`apimachinery/pkg/api/validation/path`); such a name cannot exist, and is never sent.
fn segment(text: &str) -> Result<String, ClusterError> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '%']) {
        return Err(ClusterError::NotFound { message: format!("no object can be named `{}`", clean(text)) });
    }
    Ok(encode(text))
}

/// Percent-encodes all but unreserved letters (RFC 3986, 2.3).
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(plural: &str, namespaced: bool) -> KindInfo {
        KindInfo { plural: plural.into(), namespaced, versions: vec!["v1".into()], watchable: true }
    }

    #[test]
    fn paths_are_as_kubernetes_writes_them() {
        let pods = kind("pods", true);
        assert_eq!(of(&pods, "", "v1", "shop", Some("a")).as_deref(), Ok("/api/v1/namespaces/shop/pods/a"));
        assert_eq!(of(&pods, "", "v1", "", None).as_deref(), Ok("/api/v1/pods"));
        let roles = kind("clusterroles", false);
        let path = of(&roles, "rbac.authorization.k8s.io", "v1", "x", Some("system:node"));
        assert_eq!(path.as_deref(), Ok("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode"));
    }

    #[test]
    fn a_name_cannot_become_another_request() {
        let pods = kind("pods", true);
        for name in ["../x", "a/exec", "a%2fexec", "", ".", ".."] {
            assert!(of(&pods, "", "v1", "shop", Some(name)).is_err(), "{name}");
        }
        let odd = of(&pods, "", "v1", "shop", Some("a?watch=1#x\u{1b}")).expect("encoded");
        assert!(odd.ends_with("/a%3Fwatch%3D1%23x%1B"));
    }
}
