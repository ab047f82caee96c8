//! Names of environments, told by paths (render.md 9).

/// What stands before the name of an environment.
const BEFORE: [&str; 8] =
    ["overlays", "environments", "envs", "env", "clusters", "stages", "regions", "tenants"];

/// Names that are environments wherever they stand.
const KNOWN: [&str; 17] = [
    "dev",
    "development",
    "test",
    "testing",
    "qa",
    "int",
    "integration",
    "stage",
    "staging",
    "uat",
    "preprod",
    "preview",
    "sandbox",
    "prod",
    "production",
    "live",
    "demo",
];

/// Parts that say nothing about which environment it is.
const GENERIC: [&str; 16] = [
    "flux",
    "flux-system",
    "cluster",
    "clusters",
    "base",
    "kubernetes",
    "k8s",
    "config",
    "gitops",
    "apps",
    "bootstrap",
    "manifests",
    "deploy",
    "main",
    "core",
    "infrastructure",
];

/// The environment that a folder belongs to, if its path names one.
pub(super) fn environment_of(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    let named = parts.windows(2).rev().find(|pair| BEFORE.contains(&pair[0])).map(|pair| pair[1]);
    named
        .filter(|name| !GENERIC.contains(name))
        .or_else(|| parts.iter().rev().copied().find(|part| KNOWN.contains(part)))
}

/// True for names that are environments wherever they stand.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// A name for the cluster whose entry is this folder.
pub(super) fn cluster_of(path: &str) -> &str {
    environment_of(path)
        .or_else(|| path.split('/').rev().find(|part| !part.is_empty() && !GENERIC.contains(part)))
        .unwrap_or("cluster")
}

/// The folder that holds all of these; `""` is the root.
pub(super) fn common_folder<'p>(paths: impl IntoIterator<Item = &'p str>) -> String {
    let mut paths = paths.into_iter();
    let Some(first) = paths.next() else { return String::new() };
    let mut common: Vec<&str> = first.split('/').collect();
    for path in paths {
        let same = common.iter().zip(path.split('/')).take_while(|(a, b)| **a == *b).count();
        common.truncate(same);
    }
    common.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_telling_parts() {
        for (path, name) in [
            ("clusters/prod", "prod"),
            ("clusters/prod/flux-system", "prod"),
            ("kubernetes/flux/cluster", "cluster"),
            ("cluster/base", "cluster"),
            ("", "cluster"),
            ("homelab/flux-system", "homelab"),
            ("apps/web/overlays/staging", "staging"),
            ("deploy/production/web", "production"),
        ] {
            assert_eq!(cluster_of(path), name, "{path}");
        }
        assert_eq!(environment_of("apps/web/base"), None);
    }

    #[test]
    fn folders_have_a_common_one() {
        assert_eq!(common_folder(["a/b/c", "a/b/d/e", "a/b"]), "a/b");
        assert_eq!(common_folder(["a", "b"]), "");
    }
}
