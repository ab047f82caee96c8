//! What a comparison is given: the three sides, who applies, and what is known about the object's standing.

use super::rules::Rules;
use crate::model::{Live, ObjectKey, Reason, SchemaRef};
use crate::yaml::Node;

/// One object, ready to be compared. All bodies have been through `model::blind`.
#[derive(Clone)]
pub struct Comparison<'a> {
    /// The object.
    pub key: &'a ObjectKey,
    /// What git says at the revision that is looked at.
    pub desired: Desired<'a>,
    /// What git said at the revision that the controller applied.
    pub base: Base<'a>,
    /// What the cluster has.
    pub live: Found<'a>,
    /// Names of the field managers that apply this object; [`super::appliers`] gives those of a producer.
    pub appliers: &'a [&'a str],
    /// How its controller stands to the base revision.
    pub controller: Controller,
    /// Autoscalers of the cluster or in git; only those that target this object count.
    pub scalers: &'a [Scaler],
    /// What to ignore.
    pub rules: &'a Rules,
    /// The server's schema of this kind, at the version that `live` was read at.
    pub schema: Option<SchemaRef<'a>>,
    /// What inventories and marks say.
    pub standing: Standing<'a>,
}

/// The side of git that is looked at.
#[derive(Clone, Copy)]
pub enum Desired<'a> {
    /// Git does not declare it.
    Absent,
    /// The rendered object.
    Is(&'a Node),
    /// It is declared by something that could not be rendered.
    NotRendered(Reason),
}

/// The side of git that was applied.
#[derive(Clone, Copy)]
pub enum Base<'a> {
    /// The applied revision is not known or could not be rendered.
    Unknown,
    /// It was not declared there.
    Absent,
    /// The rendered object.
    Is(&'a Node),
}

/// The side of the cluster.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// It is not there.
    Absent,
    /// It is.
    Is(&'a Live),
    /// The server does not let us read it.
    Forbidden,
    /// It could not be read; the text says why.
    Unread(&'a str),
}

/// How the controller stands to the base revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Controller {
    /// It applied the base revision with success and has looked at it since.
    Reconciled,
    /// It is suspended: drift stays.
    Suspended,
    /// It fails.
    Failing,
    /// Nothing is known, or it has not come by yet.
    #[default]
    Unknown,
}

/// An autoscaler and what it rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    /// The autoscaler.
    pub key: ObjectKey,
    /// The workload it scales; the group may be empty if it was not given.
    pub target: ObjectKey,
    /// Fewest replicas.
    pub min: i64,
    /// Most replicas.
    pub max: i64,
}

/// What inventories and marks say about the object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// True if the producer's inventory in the cluster holds it; `None` if there is no inventory to ask.
    pub inventoried: Option<bool>,
    /// What the live object's own mark says.
    pub mark: Mark<'a>,
    /// True if the producer deletes what git no longer declares.
    pub prune: bool,
}

/// What the marks on the live object say about its owner (Flux labels, Argo CD's tracking id, Helm's annotations).
#[derive(Clone, Copy, Debug, Default)]
pub enum Mark<'a> {
    /// The producer does not mark its objects, or nobody looked.
    #[default]
    NotExpected,
    /// It names the producer that declares it.
    Ours,
    /// It has none, though its producer would have set one.
    Missing,
    /// It names another owner that exists.
    Other(&'a ObjectKey),
    /// It names an owner that does not exist.
    Gone(&'a ObjectKey),
}

impl<'a> Comparison<'a> {
    /// A comparison of what git says with what is live, with nothing else known yet.
    pub fn new(key: &'a ObjectKey, desired: Desired<'a>, live: Found<'a>, rules: &'a Rules) -> Self {
        Self {
            key,
            desired,
            base: Base::Unknown,
            live,
            appliers: &[],
            controller: Controller::Unknown,
            scalers: &[],
            rules,
            schema: None,
            standing: Standing::default(),
        }
    }
}

impl<'a> Desired<'a> {
    /// The body, if there is one.
    pub fn body(self) -> Option<&'a Node> {
        match self {
            Self::Is(node) => Some(node),
            _ => None,
        }
    }
}

impl<'a> Base<'a> {
    /// What is known one step further: nothing if nothing is known here.
    #[must_use]
    pub(super) fn step(self, below: Option<&'a Node>) -> Self {
        match (self, below) {
            (Self::Unknown, _) => Self::Unknown,
            (_, Some(node)) => Self::Is(node),
            (_, None) => Self::Absent,
        }
    }

    /// The body, if there is one.
    pub fn body(self) -> Option<&'a Node> {
        match self {
            Self::Is(node) => Some(node),
            _ => None,
        }
    }
}

/// The field managers with which a producer of this kind applies (diff.md 2.6). A plain folder is applied by people.
pub fn appliers(producer: &ObjectKey) -> &'static [&'static str] {
    match (&*producer.group, &*producer.kind) {
        ("kustomize.toolkit.fluxcd.io", _) => &["kustomize-controller"],
        ("helm.toolkit.fluxcd.io", _) => &["helm-controller", "helm"],
        ("fluxcd.controlplane.io", _) => &["flux-operator"],
        ("argoproj.io", _) => {
            &["argocd-controller", "argocd-application-controller", "argocd", "kubectl-client-side-apply"]
        }
        ("fleet.cattle.io", _) => &["fleetagent", "fleet-agent", "helm"],
        ("configsync.gke.io", _) => &["configsync.gke.io"],
        _ => &["kubectl-client-side-apply", "kubectl", "kustomize", "helm", "jx"],
    }
}

/// Reads an autoscaler out of its body: a `HorizontalPodAutoscaler` or KEDA's `ScaledObject`.
pub fn scaler(body: &Node) -> Option<Scaler> {
    let (key, _) = ObjectKey::of(body)?;
    let target = body.at_path(&["spec", "scaleTargetRef"])?;
    let number = |name: &str| body.at_path(&["spec", name]).and_then(Node::as_i64);
    let (min, max, default_kind) = match (&*key.group, &*key.kind) {
        ("autoscaling", "HorizontalPodAutoscaler") => {
            (number("minReplicas").unwrap_or(1), number("maxReplicas")?, None)
        }
        // https://keda.sh/docs/latest/reference/scaledobject-spec/: 0 to 100, a Deployment unless said otherwise.
        ("keda.sh", "ScaledObject") => (
            number("idleReplicaCount").or(number("minReplicaCount")).unwrap_or(0),
            number("maxReplicaCount").unwrap_or(100),
            Some("Deployment"),
        ),
        _ => return None,
    };
    let kind = target.str_at(&["kind"]).or(default_kind)?;
    let default_version = if default_kind.is_some() { "apps/v1" } else { "" };
    let (group, _) = ObjectKey::split_api_version(target.str_at(&["apiVersion"]).unwrap_or(default_version));
    let target = ObjectKey::new(group, kind, &key.namespace, target.str_at(&["name"])?);
    Some(Scaler { key, target, min, max })
}

impl Scaler {
    /// True if it scales this object. A reference without apiVersion is matched by kind and name alone.
    pub fn rules(&self, key: &ObjectKey) -> bool {
        self.target.kind == key.kind
            && self.target.name == key.name
            && self.target.namespace == key.namespace
            && (self.target.group.is_empty() || self.target.group == key.group)
    }
}
