//! Scopes: under which name and in which namespace a value opens (secrets.md 3.1).

use super::Identity;

/// Annotation of a SealedSecret that opens under any name in its namespace.
const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// Annotation of a SealedSecret that opens anywhere in its cluster.
const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Where a sealed value opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Under one name in one namespace.
    #[default]
    Strict,
    /// Under any name in one namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Strict, Self::NamespaceWide, Self::ClusterWide];

    /// Its name, as `kubeseal --scope` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        }
    }

    /// The scope of that name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    /// The annotation that says it; strict is what holds without one.
    pub fn annotation(self) -> Option<&'static str> {
        match self {
            Self::Strict => None,
            Self::NamespaceWide => Some(NAMESPACE_WIDE),
            Self::ClusterWide => Some(CLUSTER_WIDE),
        }
    }

    /// The scope that annotations say, asked by name; the wider one wins, as in the controller.
    pub fn of_annotations<'t>(value: impl Fn(&str) -> Option<&'t str>) -> Self {
        let says = |name: &str| value(name) == Some("true");
        match (says(CLUSTER_WIDE), says(NAMESPACE_WIDE)) {
            (true, _) => Self::ClusterWide,
            (false, true) => Self::NamespaceWide,
            (false, false) => Self::Strict,
        }
    }

    /// True for an annotation that says a scope.
    pub(super) fn is_annotation(name: &str) -> bool {
        matches!(name, NAMESPACE_WIDE | CLUSTER_WIDE)
    }

    /// The label that goes into the encryption: a value opens under the same one alone.
    pub(super) fn label(self, identity: &Identity) -> String {
        match self {
            Self::Strict => format!("{}/{}", identity.namespace, identity.name),
            Self::NamespaceWide => identity.namespace.to_string(),
            Self::ClusterWide => String::new(),
        }
    }

    /// For whom it opens, in words.
    pub fn opens_as(self, identity: &Identity) -> String {
        match self {
            Self::Strict => format!("only as {identity}"),
            Self::NamespaceWide => format!("under any name in namespace {}", identity.namespace),
            Self::ClusterWide => "anywhere in the cluster".to_owned(),
        }
    }

    /// True if what opens as one identity also opens as the other.
    pub fn is_same(self, one: &Identity, other: &Identity) -> bool {
        self.label(one) == self.label(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wider_scope_wins_and_only_true_counts() {
        let of = |narrow: &'static str, wide: &'static str| {
            Scope::of_annotations(|name| match name {
                NAMESPACE_WIDE => Some(narrow),
                CLUSTER_WIDE => Some(wide),
                _ => None,
            })
        };
        assert_eq!(of("true", "true"), Scope::ClusterWide);
        assert_eq!(of("true", "false"), Scope::NamespaceWide);
        assert_eq!(of("True", "yes"), Scope::Strict);
        assert!(Scope::ALL.into_iter().all(|scope| Scope::of_word(scope.word()) == Some(scope)));
    }

    #[test]
    fn labels_are_those_of_the_controller() {
        let identity = Identity::new("shop", "db");
        assert_eq!(Scope::ALL.map(|scope| scope.label(&identity)), ["shop/db", "shop", ""]);
    }
}
