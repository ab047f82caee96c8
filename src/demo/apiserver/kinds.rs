//! Kinds: the built-in ones, and those that CRDs add while the server runs.

use serde_json::Value;

/// One kind.
#[expect(clippy::struct_field_names, reason = "fields are named as Kubernetes names them")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// Served versions, preferred first. Objects are stored in the first and converted by name only.
    pub versions: Vec<String>,
    /// Kind.
    pub kind: String,
    /// Resource name in URLs.
    pub plural: String,
    /// Its singular.
    pub singular: String,
    /// Short names for kubectl.
    pub short: Vec<String>,
    /// Categories for kubectl (`all`).
    pub categories: Vec<String>,
    /// True if objects live in namespaces.
    pub namespaced: bool,
    /// True if `status` is a subresource of its own.
    pub status: bool,
    /// Printer columns of a CRD: name, type, JSON path, priority.
    pub columns: Vec<Column>,
    /// True if a CRD made it.
    pub custom: bool,
}

/// A printer column of a CRD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its header.
    pub name: String,
    /// `string`, `integer`, `date` …
    pub kind: String,
    /// Where the value stands.
    pub path: String,
    /// Above 0 for wide output only.
    pub priority: i64,
}

/// group/version, kind, plural, short names, scope and features: `n` namespaced, `s` status, `a` category `all`.
const BUILT_IN: &str = "\
/v1 Namespace namespaces ns s
/v1 Node nodes no s
/v1 PersistentVolume persistentvolumes pv s
/v1 Pod pods po nsa
/v1 Service services svc nsa
/v1 ConfigMap configmaps cm n
/v1 Secret secrets - n
/v1 ServiceAccount serviceaccounts sa n
/v1 Event events ev n
/v1 PersistentVolumeClaim persistentvolumeclaims pvc ns
/v1 Endpoints endpoints ep n
/v1 ResourceQuota resourcequotas quota ns
/v1 LimitRange limitranges limits n
/v1 ReplicationController replicationcontrollers rc nsa
apps/v1 Deployment deployments deploy nsa
apps/v1 StatefulSet statefulsets sts nsa
apps/v1 DaemonSet daemonsets ds nsa
apps/v1 ReplicaSet replicasets rs nsa
apps/v1 ControllerRevision controllerrevisions - n
batch/v1 Job jobs - nsa
batch/v1 CronJob cronjobs cj nsa
discovery.k8s.io/v1 EndpointSlice endpointslices - n
networking.k8s.io/v1 Ingress ingresses ing ns
networking.k8s.io/v1 IngressClass ingressclasses - -
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol n
rbac.authorization.k8s.io/v1 Role roles - n
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - n
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - -
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - -
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb ns
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa nsa
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds s
";

/// All built-in kinds.
pub fn built_in() -> Vec<Kind> {
    BUILT_IN.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Kind> {
    let mut parts = line.split(' ');
    let (group, version) = parts.next()?.split_once('/')?;
    let (kind, plural, short, features) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let has = |feature| features.contains(feature);
    Some(Kind {
        group: group.to_owned(),
        versions: vec![version.to_owned()],
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short: short.split(',').filter(|s| *s != "-").map(str::to_owned).collect(),
        categories: if has('a') { vec!["all".to_owned()] } else { Vec::new() },
        namespaced: has('n'),
        status: has('s'),
        columns: Vec::new(),
        custom: false,
    })
}

/// The kind that a CRD declares; the version that is stored comes first.
pub fn of_crd(crd: &Value) -> Option<Kind> {
    let spec = crd.get("spec")?;
    let names = spec.get("names")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(text).collect()
    };
    let mut versions: Vec<&Value> = spec.get("versions")?.as_array()?.iter().collect();
    versions.retain(|v| v.get("served") == Some(&Value::Bool(true)));
    versions.sort_by_key(|v| v.get("storage") != Some(&Value::Bool(true)));
    let first = versions.first()?;
    let kind = names.get("kind").and_then(text)?;
    Some(Kind {
        group: spec.get("group").and_then(text)?,
        plural: names.get("plural").and_then(text)?,
        singular: names.get("singular").and_then(text).unwrap_or_else(|| kind.to_lowercase()),
        short: texts(names.get("shortNames")),
        categories: texts(names.get("categories")),
        namespaced: spec.get("scope").and_then(Value::as_str) == Some("Namespaced"),
        status: first.pointer("/subresources/status").is_some(),
        columns: columns(first),
        versions: versions.iter().filter_map(|v| v.get("name").and_then(text)).collect(),
        kind,
        custom: true,
    })
}

fn columns(version: &Value) -> Vec<Column> {
    let list = version.get("additionalPrinterColumns").and_then(Value::as_array);
    let read = |column: &Value| {
        Some(Column {
            name: column.get("name")?.as_str()?.to_owned(),
            kind: column.get("type")?.as_str()?.to_owned(),
            path: column.get("jsonPath")?.as_str()?.to_owned(),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
        })
    };
    list.into_iter().flatten().filter_map(read).collect()
}

impl Kind {
    /// `group/version`, or the version alone for the core group.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// `plural.group`, as messages name it.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }
}
