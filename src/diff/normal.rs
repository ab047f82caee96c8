//! The normal form: what is never compared, and what counts as equal though it is spelled otherwise (diff.md 2.4).
//!
//! Nothing here changes an object. Rules are asked while the sides are walked, and each has a name, so that the screen
//! can say why two spellings are the same.

use super::pattern::{Subject, last_key};
use super::quantity::{duration, quantity};
use crate::model::{FieldStep, SchemaRef, Shape, instant};
use crate::secret::SecretLeaf;
use crate::yaml::{Node, Scalar, ScalarKind, Value};

/// The rules of diff.md 2.4 by which differently spelled values are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// N1: fields the server keeps for itself.
    ServerField,
    /// N2: annotations of tools about their own work.
    ToolAnnotation,
    /// N3: the same number.
    Number,
    /// N4: the same quantity.
    Quantity,
    /// N6: the same span of time.
    Duration,
    /// N7: the same instant.
    Instant,
    /// N8: the same bytes in base64.
    Bytes,
    /// N10: an empty map or list is the same as none.
    EmptyIsNone,
    /// N11: Go leaves out a zero value.
    ZeroIsNone,
    /// N12: null is the same as none.
    NullIsNone,
    /// N14, N15: the order of this list means nothing.
    Unordered,
}

impl Rule {
    /// The sentence for a screen.
    pub fn why(self) -> &'static str {
        match self {
            Self::ServerField => "the server keeps this field for itself (N1)",
            Self::ToolAnnotation => "a tool's note to itself (N2)",
            Self::Number => "the same number (N3)",
            Self::Quantity => "the same quantity (N4)",
            Self::Duration => "the same duration (N6)",
            Self::Instant => "the same instant (N7)",
            Self::Bytes => "the same bytes (N8)",
            Self::EmptyIsNone => "empty is the same as not set (N10)",
            Self::ZeroIsNone => "the server leaves out zero values (N11)",
            Self::NullIsNone => "null is the same as not set (N12)",
            Self::Unordered => "the order means nothing here (N14, N15)",
        }
    }
}

/// Fields of `metadata` that the server keeps (N1), and the identity, by which the sides were matched.
const METADATA: [&str; 10] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "name",
    "namespace",
];

/// Annotations that are never compared (N2). A trailing `*` stands for any end.
const ANNOTATIONS: [&str; 8] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "objectset.rio.cattle.io/*",
    "deployment.kubernetes.io/revision",
    "autoscaling.alpha.kubernetes.io/*",
    "pv.kubernetes.io/*",
    "control-plane.alpha.kubernetes.io/leader",
    "config.kubernetes.io/*",
    "internal.config.kubernetes.io/*",
];

/// The rule by which the field at `path` is not compared at all.
pub(super) fn ignored(path: &[FieldStep]) -> Option<Rule> {
    let key = |at: usize| match path.get(at) {
        Some(FieldStep::Key(key)) => Some(&**key),
        _ => None,
    };
    match (key(0), path.len()) {
        (Some("apiVersion" | "kind" | "status"), 1) => Some(Rule::ServerField),
        (Some("metadata"), 2) if key(1).is_some_and(|k| METADATA.contains(&k)) => Some(Rule::ServerField),
        (Some("metadata"), 3) if key(1) == Some("annotations") => {
            key(2).filter(|name| listed(&ANNOTATIONS, name)).map(|_| Rule::ToolAnnotation)
        }
        _ => None,
    }
}

/// True if `name` is one of `patterns`, where a trailing `*` stands for any end.
pub(super) fn listed(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => *pattern == name,
    })
}

/// Maps whose keys are free: an entry with a zero value is a value like any other there.
const FREE_MAPS: [&str; 22] = [
    "annotations",
    "labels",
    "matchLabels",
    "nodeSelector",
    "selector",
    "data",
    "binaryData",
    "stringData",
    "limits",
    "requests",
    "hard",
    "capacity",
    "allocatable",
    "parameters",
    "options",
    "volumeAttributes",
    "default",
    "defaultRequest",
    "max",
    "min",
    "overhead",
    "podFixed",
];

/// Fields that the server's Go types keep when they are zero (pointers): a missing one was taken out by somebody.
const KEPT_ZEROS: [&str; 36] = [
    "allocateLoadBalancerNodePorts",
    "allowPrivilegeEscalation",
    "allowVolumeExpansion",
    "attachRequired",
    "automountServiceAccountToken",
    "averageUtilization",
    "backoffLimit",
    "completions",
    "defaultMode",
    "enableServiceLinks",
    "failedJobsHistoryLimit",
    "fsGroup",
    "hostUsers",
    "immutable",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "minReplicas",
    "optional",
    "parallelism",
    "partition",
    "privileged",
    "progressDeadlineSeconds",
    "readOnlyRootFilesystem",
    "replicas",
    "revisionHistoryLimit",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "shareProcessNamespace",
    "stabilizationWindowSeconds",
    "successfulJobsHistoryLimit",
    "suspend",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "ttlSecondsAfterFinished",
];

/// Fields whose presence alone says something, so that `{}` is not the same as nothing.
const PRESENCE: [&str; 9] = [
    "emptyDir",
    "podSelector",
    "namespaceSelector",
    "labelSelector",
    "selfSigned",
    "tcpSocket",
    "dns",
    "http01",
    "preserveUnknownFields",
];

/// The side without what says nothing: null is none (N12), and so is an empty map or list (N10).
pub(super) fn present<'n>(node: Option<&'n Node>, path: &[FieldStep]) -> Option<&'n Node> {
    let node = node.filter(|n| !n.is_null())?;
    let empty =
        node.as_map().is_some_and(crate::yaml::Map::is_empty) || node.as_seq().is_some_and(<[_]>::is_empty);
    if empty && last_key(path).is_some_and(|key| !PRESENCE.contains(&key)) { None } else { Some(node) }
}

/// The side of a rendering of git without what says nothing there: null is none (N12). An empty map or list is one too
/// (N10), except in custom resources, which are stored as they are sent: a `{}` in a chart's values is a value.
pub(super) fn spelled<'n>(subject: &Subject, node: Option<&'n Node>, path: &[FieldStep]) -> Option<&'n Node> {
    let metadata = matches!(path.first(), Some(FieldStep::Key(key)) if **key == *"metadata");
    if subject.built_in || metadata { present(node, path) } else { node.filter(|n| !n.is_null()) }
}

/// True if the map at `path` has free keys.
pub(super) fn is_free_map(path: &[FieldStep]) -> bool {
    last_key(path).is_some_and(|key| FREE_MAPS.contains(&key))
}

/// True if a zero value in git means the same as a missing field in the cluster (N11). Custom resources are stored as
/// they are sent, so it holds for built-in kinds only, and not for entries of free maps or fields that keep zeros.
pub(super) fn zero_is_none(subject: &Subject, path: &[FieldStep], value: &Node) -> bool {
    let Some(scalar) = value.as_scalar() else { return false };
    let zero = match scalar.kind {
        ScalarKind::Str => scalar.text.is_empty(),
        ScalarKind::Bool => value.as_bool() == Some(false),
        ScalarKind::Int => integer(&scalar.text) == Some(0),
        ScalarKind::Float => scalar.text.parse::<f64>().is_ok_and(|f| f == 0.0),
        _ => false,
    };
    let parent = path.split_last().map_or(path, |(_, parent)| parent);
    zero && subject.built_in
        && !is_free_map(parent)
        && !last_key(path).is_some_and(|key| KEPT_ZEROS.contains(&key))
}

const QUANTITIES: &[&str] = &[
    "**.limits.*",
    "**.requests.*",
    "**.capacity.*",
    "**.allocatable.*",
    "**.hard.*",
    "**.overhead.*",
    "**.podFixed.*",
    "**.storage",
    "**.sizeLimit",
    "**.divisor",
    "**.averageValue",
    "**.target.value",
    "spec.limits[].default.*",
    "spec.limits[].defaultRequest.*",
    "spec.limits[].max.*",
    "spec.limits[].min.*",
    "spec.limits[].maxLimitRequestRatio.*",
];

/// Ends of field names that hold durations in Flux, cert-manager and their like.
const DURATIONS: [&str; 6] = ["nterval", "imeout", "uration", "renewBefore", "maxAge", "nitialBackoff"];

const BYTES: [&str; 2] = ["caBundle", "request"];

/// Whether and why two scalars are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equality {
    /// They are spelled alike.
    Alike,
    /// They say the same by this rule.
    By(Rule),
    /// They differ.
    No,
}

impl Equality {
    /// True if they say the same.
    pub fn holds(self) -> bool {
        self != Self::No
    }
}

/// Whether two scalars say the same at this place.
pub(super) fn equal_scalars(
    subject: &Subject,
    path: &[FieldStep],
    schema: Option<SchemaRef>,
    a: &Node,
    b: &Node,
) -> Equality {
    let (x, y) = match (&a.value, &b.value) {
        (Value::Scalar(x), Value::Scalar(y)) => (x, y),
        (Value::Secret(x), Value::Secret(y)) => return if x == y { Equality::Alike } else { Equality::No },
        _ => return Equality::No,
    };
    if plainly_equal(x, y) {
        return Equality::Alike;
    }
    let shape = schema.map(SchemaRef::shape);
    if numbers_equal(x, y) {
        return Equality::By(Rule::Number);
    }
    if (shape == Some(&Shape::Quantity) || subject.at_any(QUANTITIES, path))
        && quantity(&x.text).is_some_and(|value| Some(value) == quantity(&y.text))
    {
        return Equality::By(Rule::Quantity);
    }
    let (Some(x), Some(y)) = (a.as_str(), b.as_str()) else { return Equality::No };
    let name = last_key(path).unwrap_or("");
    let in_free_map = path.split_last().is_some_and(|(_, parent)| is_free_map(parent));
    let durations = shape == Some(&Shape::Duration)
        || (!subject.built_in && !in_free_map && DURATIONS.iter().any(|end| name.ends_with(end)));
    if durations && duration(x).is_some_and(|value| Some(value) == duration(y)) {
        return Equality::By(Rule::Duration);
    }
    if !in_free_map && instant(x).is_some_and(|value| Some(value) == instant(y)) {
        return Equality::By(Rule::Instant);
    }
    let bytes = shape == Some(&Shape::Bytes)
        || (subject.built_in && (BYTES.contains(&name) || subject.at("binaryData.*", path)));
    if bytes && unwrapped(x).eq(unwrapped(y)) {
        return Equality::By(Rule::Bytes);
    }
    Equality::No
}

fn unwrapped(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| !b.is_ascii_whitespace())
}

fn plainly_equal(x: &Scalar, y: &Scalar) -> bool {
    let is_text = |s: &Scalar| matches!(s.kind, ScalarKind::Str | ScalarKind::Time);
    x.text == y.text && (x.kind == y.kind || (is_text(x) && is_text(y)))
        || (x.kind == ScalarKind::Bool && y.kind == ScalarKind::Bool && truth(x) == truth(y))
}

fn truth(scalar: &Scalar) -> Option<bool> {
    Node::new(Value::Scalar(scalar.clone())).as_bool()
}

/// N3: integers exactly, everything else as floating point.
fn numbers_equal(x: &Scalar, y: &Scalar) -> bool {
    let is_number = |s: &Scalar| matches!(s.kind, ScalarKind::Int | ScalarKind::Float);
    if !is_number(x) || !is_number(y) {
        return false;
    }
    match (integer(&x.text), integer(&y.text)) {
        (Some(a), Some(b)) => a == b,
        _ => match (float(x), float(y)) {
            (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
            _ => false,
        },
    }
}

fn float(scalar: &Scalar) -> Option<f64> {
    match integer(&scalar.text) {
        // Both sides take the same way here, so a loss of precision cannot make unequal numbers equal
        // except where a float was written for one of them, which has no more digits itself.
        #[allow(clippy::cast_precision_loss)]
        Some(whole) => Some(whole as f64),
        None => scalar.text.replace('_', "").parse().ok(),
    }
}

/// An integer as Go's YAML reads it: `0644`, `0o644`, `0x1A4`, `1_000` (diff.md 2.2).
pub(super) fn integer(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let value = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        i128::from_str_radix(hex, 16).ok()?
    } else if let Some(octal) = digits.strip_prefix("0o") {
        i128::from_str_radix(octal, 8).ok()?
    } else if let Some(binary) = digits.strip_prefix("0b") {
        i128::from_str_radix(binary, 2).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if negative { -value } else { value })
}

/// True if equality with this node cannot be told: it is sealed, or it is plaintext that should be a digest by now.
pub(super) fn is_closed(node: Option<&Node>) -> bool {
    matches!(node.map(|n| &n.value), Some(Value::Secret(SecretLeaf::Closed(_) | SecretLeaf::Text(_))))
}
