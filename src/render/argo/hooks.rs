//! Objects that Argo CD runs around a sync, or leaves alone: it compares none of them, and neither do we.

use crate::yaml::Node;

/// What Argo CD does with an object that it does not compare; `None` for all others.
pub(super) fn role(body: &Node) -> Option<String> {
    let annotation = |name: &str| body.str_at(&["metadata", "annotations", name]);
    let words = |text: &str| text.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    if let Some(text) = annotation("argocd.argoproj.io/hook") {
        let skipped = words(text).iter().all(|word| word == "Skip");
        return Some(if skipped { "skipped".to_owned() } else { format!("hook {text}") });
    }
    // Helm marks definitions of kinds like hooks, which they are not.
    let text = annotation("helm.sh/hook").filter(|text| *text != "crd-install")?;
    Some(format!("hook {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::manifest;

    #[test]
    fn hooks_of_both_tools_are_known() {
        for (annotation, expected) in [
            ("argocd.argoproj.io/hook: PreSync", Some("hook PreSync")),
            ("argocd.argoproj.io/hook: Skip", Some("skipped")),
            ("helm.sh/hook: 'pre-install,post-upgrade'", Some("hook pre-install,post-upgrade")),
            ("helm.sh/hook: crd-install", None),
            ("argocd.argoproj.io/sync-wave: '1'", None),
        ] {
            let text = format!("kind: Job\nmetadata:\n  name: x\n  annotations: {{{annotation}}}\n");
            assert_eq!(role(&manifest(&text).body).as_deref(), expected, "{annotation}");
        }
    }
}
