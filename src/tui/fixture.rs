//! A believable shop for tests and pictures: three environments, and one of every story.

use super::effect::{Answer, Back, Carry, Deed, Effect, Question, Reply, Slot};
use crate::model::{
    Commit, CommitId, ContentId, Coverage, FieldClass, FieldDiff, FieldPath, FieldStep, Health, HealthState,
    Manager, ObjectDiff, ObjectKey, Origin, PendingKind, Place, Problem, Reason, SourceRevision, Verdict,
};
use crate::secret::{DigestKey, SecretLeaf, SecretText};
use crate::workspace::{
    AppRow, AppState, ClusterView, Committed, ContextChoice, Deployed, Details, DiffLine, EnvironmentView,
    EventLine, FieldChange, HeadView, History, HistoryEntry, KeyState, LogLine, Next, ObjectEffect, ObjectId,
    ObjectRow, Plan, PlanEffect, PlanFile, PlanKind, PushOutcome, Refusal, RepoView, SecretForm, SecretRow,
    SecretState, Snapshot, Work,
};
use crate::yaml::{Mark, Node, Value};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Seconds since 1970: 2026-08-29 10:40 UTC.
pub(crate) const NOW: i64 = 1_788_000_000;
/// A secret that no frame may ever show unasked.
pub(crate) const CANARY: &str = "canary-8f31-hunter2";

pub(crate) fn id(hex: &str) -> CommitId {
    CommitId::parse(&format!("{hex:0<40}")).expect("hex digits")
}

pub(crate) fn commit(hex: &str, author: &str, ago: i64, subject: &str) -> Commit {
    Commit {
        id: id(hex),
        tree: ContentId([0; 20]),
        parents: vec![],
        author: author.into(),
        email: format!("{author}@shop.example").into(),
        time: NOW - ago,
        subject: subject.into(),
        message: format!("{subject}\n\nReviewed in the platform channel.\n").into(),
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn bad() -> Commit {
    commit("4f2c9d1", "ana", 12 * MINUTE, "pay: 2.4.1, retries with jitter")
}

fn commits() -> Vec<Commit> {
    vec![
        commit("9b1e07a", "ana", 3 * MINUTE, "cart: raise the memory limit to 512Mi"),
        commit("c40d2be", "joe", 9 * MINUTE, "cart: feature flag for the new basket"),
        bad(),
        commit("91be02a", "bot", 5 * HOUR, "Update image shop/cart to 1.8.2"),
        commit("77aa310", "joe", DAY, "ingress: limit request bodies to 8 MiB"),
        commit("b1e44c0", "mia", 3 * DAY, "search: index nightly"),
        commit("e02f981", "ana", 6 * DAY, "keycloak: rotate the admin password"),
        commit("5ad3f0c", "bot", 9 * DAY, "Update image shop/web to 3.1.0"),
        commit("0c9e7d2", "mia", 16 * DAY, "kafka: suspend while the disks are moved"),
        commit("d7710fe", "joe", 40 * DAY, "shop: one base for all environments"),
    ]
}

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(group, kind, namespace, name)
}

pub(crate) fn app_key(name: &str) -> ObjectKey {
    key("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", name)
}

pub(crate) fn deployment(name: &str) -> ObjectKey {
    key("apps", "Deployment", "shop", name)
}

pub(crate) fn object_id(environment: &str, key: ObjectKey) -> ObjectId {
    ObjectId { environment: environment.into(), key }
}

fn place(file: &str, line: u32) -> Place {
    Place { file: file.into(), line, field: None }
}

fn app(environment: &str, name: &str, state: AppState, cause: &str, next: &str) -> AppRow {
    AppRow {
        environment: environment.into(),
        key: app_key(name),
        state,
        cause: cause.into(),
        place: None,
        next: next.into(),
        commit: None,
        object: None,
        health: Health::healthy(),
        objects: 9,
        drifted: 0,
        pending: 0,
        stray: 0,
        secrets: 0,
        secrets_differ: 0,
        applied: Some(SourceRevision {
            text: "main@sha1:91be02a".into(),
            reference: Some("main".into()),
            commit: Some(id("91be02a")),
        }),
        behind: Some(0),
        changed: Some(commits()[5].clone()),
        waiting_on: vec![],
        path: format!("apps/{name}/overlays/{environment}").into(),
    }
}

fn failing() -> AppRow {
    AppRow {
        place: Some(place("apps/pay/overlays/prod/kustomization.yaml", 14)),
        commit: Some(bad()),
        object: Some(deployment("pay")),
        health: Health::new(HealthState::Degraded, "image shop/pay:2.4.1 cannot be pulled: manifest unknown"),
        secrets: 1,
        applied: Some(SourceRevision {
            text: "main@sha1:4f2c9d1".into(),
            reference: Some("main".into()),
            commit: Some(id("4f2c9d1")),
        }),
        changed: Some(bad()),
        ..app(
            "prod",
            "pay",
            AppState::Failing,
            "rollout stuck: image shop/pay:2.4.1 cannot be pulled, since 4f2c9d1 by ana, 12 min ago",
            "v shows what reverting 4f2c9d1 would do",
        )
    }
}

fn urgent_apps() -> Vec<AppRow> {
    vec![
        failing(),
        AppRow {
            place: Some(place("apps/reports/base/mail.yaml", 9)),
            secrets: 1,
            ..app(
                "staging",
                "reports",
                AppState::Plaintext,
                "plaintext: key smtp-password of Secret reports-mail stands in git since b1e44c0 by mia, 3d ago",
                "s seals it; then change the password, it was public",
            )
        },
        AppRow {
            place: Some(place("apps/cart/base/deployment.yaml", 8)),
            object: Some(deployment("cart")),
            drifted: 1,
            secrets: 2,
            secrets_differ: 1,
            changed: Some(commits()[3].clone()),
            ..app(
                "prod",
                "cart",
                AppState::Drifted,
                "Deployment cart was scaled by hand: replicas 3 → 5 by kubectl-edit, 40 min ago",
                "enter shows what differs",
            )
        },
        AppRow {
            waiting_on: vec![app_key("pay")],
            ..app(
                "prod",
                "checkout",
                AppState::Waiting,
                "waits for pay, which is failing",
                "enter on pay first",
            )
        },
        AppRow {
            stray: 1,
            ..app(
                "prod",
                "web",
                AppState::Undeclared,
                "ConfigMap web-hotfix is in the cluster and nobody declares it, made by kubectl-create 2d ago",
                "enter shows it",
            )
        },
        AppRow {
            pending: 2,
            behind: Some(2),
            changed: Some(commits()[0].clone()),
            secrets: 2,
            ..app(
                "staging",
                "cart",
                AppState::Pending,
                "git is 2 commits ahead: c40d2be joe, 9b1e07a ana",
                "",
            )
        },
        AppRow {
            health: Health::new(HealthState::Progressing, "2 of 3 pods are new"),
            changed: Some(commits()[0].clone()),
            ..app("dev", "cart", AppState::Progressing, "rolling out 9b1e07a: 2 of 3 pods are new", "")
        },
        AppRow {
            changed: Some(commits()[8].clone()),
            ..app(
                "prod",
                "kafka",
                AppState::Suspended,
                "suspended by mia in 0c9e7d2, 16d ago; 4 commits wait",
                "",
            )
        },
        AppRow {
            key: key("helm.toolkit.fluxcd.io", "HelmRelease", "shop", "redis"),
            health: Health::healthy(),
            ..app(
                "prod",
                "redis",
                AppState::NotRendered,
                "not rendered: needs Helm; the cluster's own state is shown",
                "",
            )
        },
    ]
}

fn apps() -> Vec<Arc<AppRow>> {
    let mut rows = urgent_apps();
    let quiet = [
        ("dev", &["checkout", "kafka", "pay", "reports", "search", "web"][..]),
        ("staging", &["checkout", "kafka", "pay", "search", "web"][..]),
        ("prod", &["ingress", "keycloak", "monitoring", "reports", "search"][..]),
    ];
    for (environment, names) in quiet {
        for (index, name) in names.iter().enumerate() {
            rows.push(AppRow {
                secrets: index % 3,
                objects: 4 + index,
                changed: Some(commits()[3 + index].clone()),
                ..app(environment, name, AppState::Synced, "", "")
            });
        }
    }
    rows.into_iter().map(Arc::new).collect()
}

fn object(environment: &str, producer: &str, key: ObjectKey, file: &str, line: u32) -> ObjectRow {
    ObjectRow {
        environment: environment.into(),
        key,
        producer: Some(app_key(producer)),
        declared: true,
        origin: Some(Origin { file: file.into(), line, generated: line == 0, sealed: None }),
        live: true,
        owner: None,
        verdict: Verdict::Synced,
        health: Health::new(HealthState::NotApplicable, ""),
        summary: String::new(),
        by: String::new(),
        fields: 0,
    }
}

fn pod(environment: &str, name: &str, owner: ObjectKey, health: Health) -> ObjectRow {
    ObjectRow {
        producer: None,
        declared: false,
        origin: None,
        owner: Some(owner),
        health,
        ..object(environment, "", key("", "Pod", "shop", name), "", 1)
    }
}

fn cart_objects() -> Vec<ObjectRow> {
    let set = key("apps", "ReplicaSet", "shop", "cart-7d9f6c");
    let mut rows = vec![
        ObjectRow {
            verdict: Verdict::Drifted,
            health: Health::healthy(),
            summary: "replicas 5 → 3".into(),
            by: "kubectl-edit, 10:00".into(),
            fields: 1,
            ..object("prod", "cart", deployment("cart"), "apps/cart/base/deployment.yaml", 1)
        },
        ObjectRow {
            verdict: Verdict::Drifted,
            summary: "1 key differs".into(),
            by: "kubectl-patch, yesterday".into(),
            fields: 1,
            origin: Some(Origin {
                file: "apps/cart/overlays/prod/db.enc.yaml".into(),
                line: 1,
                generated: false,
                sealed: Some("apps/cart/overlays/prod/db.enc.yaml".into()),
            }),
            ..object("prod", "cart", key("", "Secret", "shop", "cart-db"), "", 1)
        },
        ObjectRow {
            origin: Some(Origin {
                file: "apps/cart/overlays/prod/payment.enc.yaml".into(),
                line: 1,
                generated: false,
                sealed: Some("apps/cart/overlays/prod/payment.enc.yaml".into()),
            }),
            ..object("prod", "cart", key("", "Secret", "shop", "cart-payment"), "", 1)
        },
        ObjectRow {
            live: false,
            verdict: Verdict::Pending(PendingKind::Create),
            ..object(
                "prod",
                "cart",
                key("", "ConfigMap", "shop", "cart-env-h4k2m9"),
                "apps/cart/overlays/prod/kustomization.yaml",
                0,
            )
        },
        object("prod", "cart", key("", "Service", "shop", "cart"), "apps/cart/base/service.yaml", 1),
        object("prod", "cart", key("", "ServiceAccount", "shop", "cart"), "apps/cart/base/rbac.yaml", 1),
        object(
            "prod",
            "cart",
            key("networking.k8s.io", "Ingress", "shop", "cart"),
            "apps/cart/base/ingress.yaml",
            1,
        ),
        object(
            "prod",
            "cart",
            key("policy", "PodDisruptionBudget", "shop", "cart"),
            "apps/cart/base/pdb.yaml",
            3,
        ),
        ObjectRow {
            producer: None,
            declared: false,
            origin: None,
            verdict: Verdict::Unmanaged,
            by: "kubectl-create, 2d ago".into(),
            ..object("prod", "", key("", "ConfigMap", "shop", "cart-hotfix"), "", 1)
        },
        ObjectRow {
            producer: None,
            declared: false,
            origin: None,
            owner: Some(deployment("cart")),
            health: Health::healthy(),
            ..object("prod", "", set.clone(), "", 1)
        },
    ];
    for name in ["cart-7d9f6c-2xk8p", "cart-7d9f6c-9h4qm", "cart-7d9f6c-lw7vz"] {
        rows.push(pod("prod", name, set.clone(), Health::healthy()));
    }
    rows
}

fn pay_objects() -> Vec<ObjectRow> {
    let set = key("apps", "ReplicaSet", "shop", "pay-66b8d");
    vec![
        ObjectRow {
            health: Health::new(
                HealthState::Degraded,
                "image shop/pay:2.4.1 cannot be pulled: manifest unknown",
            ),
            ..object("prod", "pay", deployment("pay"), "apps/pay/base/deployment.yaml", 1)
        },
        object("prod", "pay", key("", "Service", "shop", "pay"), "apps/pay/base/service.yaml", 1),
        ObjectRow {
            producer: None,
            declared: false,
            origin: None,
            owner: Some(deployment("pay")),
            health: Health::new(HealthState::Progressing, "1 of 3 pods is ready"),
            ..object("prod", "", set.clone(), "", 1)
        },
        pod("prod", "pay-66b8d-x2m4k", set, Health::new(HealthState::Degraded, "ImagePullBackOff")),
    ]
}

fn secrets() -> Vec<Arc<SecretRow>> {
    let row = |environment: &str, file: &str, object: &str, state, cause: &str, next: &str| SecretRow {
        environment: environment.into(),
        file: (!file.is_empty()).then(|| file.into()),
        object: Some(key("", "Secret", "shop", object)),
        state,
        cause: cause.into(),
        next: next.into(),
        keys: vec![("password".into(), KeyState::Same), ("username".into(), KeyState::Same)],
        recipients: vec!["ops".into(), "flux-prod".into()],
        sealed_at: Some(NOW - 31 * DAY),
        changed_by: Some("ana".into()),
    };
    vec![
        SecretRow {
            keys: vec![("smtp-password".into(), KeyState::Same), ("smtp-user".into(), KeyState::Same)],
            recipients: vec![],
            sealed_at: None,
            changed_by: Some("mia".into()),
            ..row(
                "staging",
                "apps/reports/base/mail.yaml",
                "reports-mail",
                SecretState::Plaintext,
                "smtp-password stands in the clear since b1e44c0 by mia, 3d ago, and in the history",
                "e seals it; then change the password",
            )
        },
        SecretRow {
            keys: vec![("password".into(), KeyState::Differs), ("username".into(), KeyState::Same)],
            ..row(
                "prod",
                "apps/cart/overlays/prod/db.enc.yaml",
                "cart-db",
                SecretState::Differs,
                "password differs in the cluster, set by kubectl-patch yesterday",
                "e sets it in git; or let the controller put git's value back",
            )
        },
        SecretRow {
            keys: vec![("token".into(), KeyState::Closed)],
            recipients: vec!["finance".into()],
            ..row(
                "prod",
                "apps/reports/overlays/prod/bank.enc.yaml",
                "reports-bank",
                SecretState::NoKey,
                "no age identity here opens it; it is sealed for finance",
                "ask finance, or set SOPS_AGE_KEY_FILE",
            )
        },
        SecretRow {
            keys: vec![("token".into(), KeyState::OnlyLive)],
            recipients: vec![],
            sealed_at: None,
            changed_by: None,
            ..row(
                "prod",
                "",
                "legacy-token",
                SecretState::OnlyLive,
                "made by kubectl-create, 1y ago",
                "n seals one like it",
            )
        },
        row("prod", "apps/cart/overlays/prod/payment.enc.yaml", "cart-payment", SecretState::Same, "", ""),
        row("prod", "apps/pay/overlays/prod/db.enc.yaml", "pay-db", SecretState::Same, "", ""),
        row("staging", "apps/cart/overlays/staging/db.enc.yaml", "cart-db", SecretState::Same, "", ""),
        row("dev", "apps/cart/overlays/dev/db.enc.yaml", "cart-db", SecretState::Same, "", ""),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

fn environment(name: &str, production: bool) -> EnvironmentView {
    EnvironmentView {
        name: name.into(),
        entry: format!("clusters/{name}").into(),
        why: format!("clusters/{name} holds Flux Kustomizations"),
        production,
        context: Some(format!("kind-{name}").into()),
        cluster: ClusterView::Live { version: "v1.36.3".into(), gaps: vec![] },
        coverage: Coverage { complete: 8, total: if production { 9 } else { 8 }, missing: [].into() },
    }
}

fn repo() -> RepoView {
    RepoView {
        name: "shop".into(),
        path: "/tmp".into(),
        head: HeadView::Branch("main".into()),
        commit: Some(commits()[0].clone()),
        upstream: Some("origin/main".into()),
        ahead: 2,
        behind: 0,
        dirty: 0,
        operation: None,
        takes_back: Some(id("9b1e07a")),
        read: true,
    }
}

/// Every story at once.
pub(crate) fn snapshot() -> Snapshot {
    let objects = cart_objects().into_iter().chain(pay_objects()).map(Arc::new).collect::<Vec<_>>();
    Snapshot {
        generation: 7,
        repo: repo(),
        environments: vec![
            environment("dev", false),
            environment("staging", false),
            environment("prod", true),
        ]
        .into(),
        apps: apps().into(),
        objects: objects.into(),
        secrets: secrets().into(),
        problems: vec![].into(),
        work: vec![].into(),
        at: NOW,
    }
}

/// A good day.
pub(crate) fn quiet() -> Snapshot {
    let apps = apps().into_iter().map(|row| {
        Arc::new(AppRow {
            state: AppState::Synced,
            cause: String::new(),
            next: Next::Nothing,
            commit: None,
            place: None,
            drifted: 0,
            secrets_differ: 0,
            health: Health::healthy(),
            ..AppRow::clone(&row)
        })
    });
    Snapshot { apps: apps.collect::<Vec<_>>().into(), objects: vec![].into(), ..snapshot() }
}

/// Before anything is read.
pub(crate) fn unread() -> Snapshot {
    Snapshot::default()
}

/// Git is read, clusters are on their way, and one needs a word.
pub(crate) fn reading() -> Snapshot {
    let mut environments =
        vec![environment("dev", false), environment("staging", false), environment("prod", true)];
    environments[0].cluster = ClusterView::Reading { done: 12, kinds: 31, objects: 480 };
    environments[1].cluster = ClusterView::Connecting;
    environments[2].cluster = ClusterView::Unchosen {
        contexts: vec![
            ContextChoice { name: "kind-dev".into(), server: "https://127.0.0.1:6443".into(), current: true },
            ContextChoice {
                name: "prod-eu-admin".into(),
                server: "https://prod-eu.shop.example".into(),
                current: false,
            },
        ],
        problem: None,
    };
    Snapshot {
        environments: environments.into(),
        work: vec![Work { what: "reading dev".into(), done: 12, total: 31 }].into(),
        ..snapshot()
    }
}

/// One cluster is gone, one refuses, one lets us read only a part.
pub(crate) fn offline() -> Snapshot {
    let mut environments =
        vec![environment("dev", false), environment("staging", false), environment("prod", true)];
    let refused = Problem::error(Reason::Cluster, "prod-eu.shop.example does not answer within 10 s")
        .next("check the VPN; R tries again");
    environments[0].cluster = ClusterView::Failed(
        Problem::error(Reason::Cluster, "the token of context kind-dev expired")
            .next("sign in again, then R"),
    );
    environments[1].cluster = ClusterView::Live {
        version: "v1.36.3".into(),
        gaps: vec![
            Problem::warning(Reason::Forbidden, "Secrets may not be read").next("sealane doctor --rbac"),
        ],
    };
    environments[2].cluster = ClusterView::Lost { since: NOW - 11 * MINUTE, problem: refused };
    let broken = Problem::error(Reason::InvalidYaml, "a tab indents line 14")
        .at("apps/pay/base/service.yaml", 14)
        .next("use blanks");
    Snapshot { environments: environments.into(), problems: vec![broken].into(), ..snapshot() }
}

/// Nothing that is known to deploy.
pub(crate) fn empty() -> Snapshot {
    Snapshot {
        apps: vec![].into(),
        objects: vec![].into(),
        secrets: vec![].into(),
        environments: vec![].into(),
        ..snapshot()
    }
}

fn path(text: &[&str]) -> FieldPath {
    FieldPath(
        text.iter()
            .map(|step| match step.strip_prefix('[') {
                Some(item) => FieldStep::Item(item.trim_end_matches(']').into()),
                None => FieldStep::Key((*step).into()),
            })
            .collect(),
    )
}

fn from(node: Node, file: &str, line: u32) -> Node {
    node.at(Mark { file: Some(file.into()), line, column: 5 })
}

fn manager(name: &str, time: &str) -> Manager {
    Manager {
        name: name.into(),
        apply: false,
        subresource: "".into(),
        time: time.into(),
        fields: Node::null(),
    }
}

fn field(steps: &[&str], class: FieldClass, live: Option<Node>, desired: Option<Node>) -> FieldDiff {
    FieldDiff { path: path(steps), class, desired, live, base: None, by: None, note: String::new() }
}

const CONTAINER: [&str; 5] = ["spec", "template", "spec", "containers", "[cart]"];

fn cart_fields() -> Vec<FieldDiff> {
    let env = |name: &'static str| [&CONTAINER[..], &["env", name, "value"]].concat();
    let resources = [&CONTAINER[..], &["resources", "limits", "memory"]].concat();
    vec![
        FieldDiff {
            by: Some(manager("kubectl-edit", "2026-08-29T10:00:12Z")),
            ..field(
                &["spec", "replicas"],
                FieldClass::Drifted,
                Some(Node::int(5)),
                Some(from(Node::int(3), "apps/cart/base/deployment.yaml", 8)),
            )
        },
        FieldDiff {
            by: Some(manager("kustomize-controller", "2026-08-29T05:41:00Z")),
            ..field(
                &[&CONTAINER[..], &["image"]].concat(),
                FieldClass::Pending(PendingKind::Change),
                Some(Node::string("registry.shop.example/shop/cart:1.8.1")),
                Some(from(
                    Node::string("registry.shop.example/shop/cart:1.8.2"),
                    "apps/cart/overlays/prod/kustomization.yaml",
                    9,
                )),
            )
        },
        field(
            &env("[FEATURE_BASKET]"),
            FieldClass::Pending(PendingKind::Create),
            None,
            Some(from(Node::string("on"), "apps/cart/base/deployment.yaml", 61)),
        ),
        FieldDiff {
            by: Some(manager("kustomize-controller", "2026-08-29T05:41:00Z")),
            ..field(
                &resources,
                FieldClass::Pending(PendingKind::Change),
                Some(Node::string("256Mi")),
                Some(from(Node::string("512Mi"), "apps/cart/base/deployment.yaml", 44)),
            )
        },
    ]
}

const CART_YAML: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app.kubernetes.io/name: cart\n  name: cart\n  namespace: shop\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: cart\n  template:\n    spec:\n      containers:\n      - env:\n        - name: FEATURE_BASKET\n          value: \"on\"\n        image: registry.shop.example/shop/cart:1.8.2\n        name: cart\n        ports:\n        - containerPort: 8080\n        resources:\n          limits:\n            memory: 512Mi\n";

fn cart_secret() -> ObjectDiff {
    let keys = DigestKey::new([3; 32]);
    let leaf = |text: &str| Node::new(Value::Secret(SecretLeaf::Digest(keys.digest(text.as_bytes()))));
    let file = "apps/cart/overlays/prod/db.enc.yaml";
    ObjectDiff {
        key: key("", "Secret", "shop", "cart-db"),
        verdict: Verdict::Drifted,
        fields: vec![FieldDiff {
            by: Some(manager("kubectl-patch", "2026-08-28T16:20:00Z")),
            ..field(
                &["data", "password"],
                FieldClass::Drifted,
                Some(leaf(CANARY)),
                Some(from(leaf("other"), file, 6)),
            )
        }],
        folded: vec![],
        hidden: 4,
        approximate: false,
    }
}

fn cart_diff() -> ObjectDiff {
    ObjectDiff {
        key: deployment("cart"),
        verdict: Verdict::Drifted,
        fields: cart_fields(),
        folded: vec![
            FieldDiff {
                note: "restarted by hand".into(),
                by: Some(manager("kubectl-rollout", "2026-08-20T08:00:00Z")),
                ..field(
                    &["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"],
                    FieldClass::AddedByOthers,
                    Some(Node::string("2026-08-20T08:00:00Z")),
                    None,
                )
            },
            field(
                &["metadata", "labels", "team"],
                FieldClass::AddedByOthers,
                Some(Node::string("shop")),
                None,
            ),
        ],
        hidden: 31,
        approximate: false,
    }
}

/// All about one object.
pub(crate) fn details(id: &ObjectId) -> Details {
    let secret = id.key.is_secret();
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let event = |ago, warning, reason: &str, message: &str, count| EventLine {
        at: NOW - ago,
        warning,
        reason: reason.into(),
        message: message.into(),
        count,
        source: "kubelet".into(),
    };
    let pull = "Failed to pull image \"shop/pay:2.4.1\": rpc error: code = NotFound desc = manifest unknown: the registry has no such tag";
    Details {
        id: id.clone(),
        diff: if secret { cart_secret() } else { cart_diff() },
        health: Health::healthy(),
        origin: Some(Origin {
            file: "apps/cart/base/deployment.yaml".into(),
            line: 1,
            generated: false,
            sealed: None,
        }),
        producer: Some(app_key("cart")),
        desired: Some(CART_YAML.into()),
        live: Some(CART_YAML.replace("replicas: 3", "replicas: 5").replace("1.8.2", "1.8.1")),
        describe: vec![
            text("Name", "cart"),
            text("Namespace", "shop"),
            text("Producer", "Kustomization/flux-system/cart"),
            text("Declared", "apps/cart/base/deployment.yaml:1"),
            text("Conditions", ""),
            text(
                "Available",
                "True since 2026-08-23 05:41, MinimumReplicasAvailable: Deployment has minimum availability.",
            ),
            text(
                "Progressing",
                "True since 2026-08-23 05:41, NewReplicaSetAvailable: ReplicaSet \"cart-7d9f6c\" has successfully progressed.",
            ),
            text("Pods", ""),
            text("Ready", "5 of 5"),
        ],
        events: vec![
            event(MINUTE, true, "Failed", pull, 7),
            event(
                40 * MINUTE,
                false,
                "ScalingReplicaSet",
                "Scaled up replica set cart-7d9f6c from 3 to 5",
                1,
            ),
            event(5 * HOUR, false, "ScalingReplicaSet", "Scaled up replica set cart-7d9f6c from 0 to 3", 1),
        ],
        problems: vec![],
        revision: Some(commits()[0].clone()),
        applied: Some(commits()[3].clone()),
    }
}

fn change(path: &str, before: &str, after: &str, file: &str, line: u32) -> FieldChange {
    FieldChange {
        path: path.into(),
        before: (!before.is_empty()).then(|| before.into()),
        after: (!after.is_empty()).then(|| after.into()),
        place: Some(place(file, line)),
    }
}

fn changes() -> Vec<FieldChange> {
    let base = "spec.template.spec.containers[pay]";
    vec![
        change(
            &format!("{base}.image"),
            "registry.shop.example/shop/pay:2.4.0",
            "registry.shop.example/shop/pay:2.4.1",
            "apps/pay/overlays/prod/kustomization.yaml",
            14,
        ),
        change(&format!("{base}.env[RETRY_JITTER].value"), "", "250ms", "apps/pay/base/deployment.yaml", 52),
        change(
            &format!("{base}.livenessProbe.periodSeconds"),
            "10",
            "5",
            "apps/pay/base/deployment.yaml",
            60,
        ),
    ]
}

/// The commits that changed an object.
pub(crate) fn history(id: &ObjectId) -> History {
    let summaries = [
        "image 2.4.0 → 2.4.1, env RETRY_JITTER, 1 more",
        "resources.limits.memory 256Mi → 512Mi",
        "image 2.3.9 → 2.4.0",
        "env FEATURE_X off",
        "replicas 2 → 3",
    ];
    let files = ["apps/pay/overlays/prod/kustomization.yaml", "apps/pay/base/deployment.yaml"];
    let all = commits();
    let entries = summaries.iter().enumerate().map(|(index, summary)| HistoryEntry {
        commit: all[index * 2 % 9 + usize::from(index == 0) * 2].clone(),
        summary: (*summary).into(),
        changes: changes(),
        place: Some(place(files[index % 2], 9 + u32::try_from(index).unwrap_or(0) * 7)),
        also: vec![
            object_id("staging", deployment("pay")),
            object_id("dev", deployment("pay")),
            object_id("prod", deployment("checkout")),
        ],
        deployed: if index == 1 { Deployed::Tried } else { Deployed::Applied },
    });
    History { id: id.clone(), entries: entries.collect(), seen: 412, complete: true, problems: vec![] }
}

/// The rehearsed revert of the bad commit.
pub(crate) fn plan() -> Plan {
    let effect = |environment: &str, production, rollout, caution: &str| PlanEffect {
        environment: environment.into(),
        production,
        producer: app_key("pay"),
        objects: vec![
            ObjectEffect {
                key: deployment("pay"),
                sign: '~',
                summary: "image 2.4.1 → 2.4.0, 2 more".into(),
                changes: changes()
                    .into_iter()
                    .map(|c| FieldChange { before: c.after, after: c.before, ..c })
                    .collect(),
                rollout: Some(rollout),
                caution: caution.into(),
            },
            ObjectEffect {
                key: key("", "ConfigMap", "shop", "pay-env-9f2k1m"),
                sign: '-',
                summary: "replaced by pay-env-h4k2m9".into(),
                changes: vec![],
                rollout: None,
                caution: String::new(),
            },
        ],
    };
    let diff = ["@@ -12,4 +12,4 @@", " images:", " - name: shop/pay", "-  newTag: 2.4.1", "+  newTag: 2.4.0"];
    let lines =
        diff.iter().map(|l| DiffLine { sign: l.chars().next().unwrap_or(' '), text: l[1..].to_owned() });
    Plan {
        title: "revert 4f2c9d1 \"pay: 2.4.1, retries with jitter\"".into(),
        kind: PlanKind::Revert(vec![bad().id]),
        base: id("9b1e07a"),
        branch: "main".into(),
        protected: true,
        files: vec![
            PlanFile {
                path: "apps/pay/overlays/prod/kustomization.yaml".into(),
                added: 1,
                removed: 1,
                diff: lines.collect(),
                note: String::new(),
            },
            PlanFile {
                path: "apps/pay/base/deployment.yaml".into(),
                added: 1,
                removed: 3,
                diff: vec![],
                note: String::new(),
            },
        ],
        effects: vec![
            effect("dev", false, 1, ""),
            effect("staging", false, 1, ""),
            effect("prod", true, 3, "the liveness probe waits longer again"),
        ],
        coverage: Coverage { complete: 24, total: 25, missing: [(Reason::NeedsHelm, 1)].into() },
        not_rendered: vec![
            Problem::warning(Reason::NeedsHelm, "HelmRelease shop/redis needs Helm to be rendered")
                .at("apps/redis/release.yaml", 1),
        ],
        findings: vec![],
        message: "Revert \"pay: 2.4.1, retries with jitter\"\n\nThis reverts commit 4f2c9d1.\n".into(),
        author: "Ana <ana@shop.example>".into(),
        signing: "signed with ssh".into(),
        rehearsed_ms: 84,
        change: Plan::without_files(id("9b1e07a")),
    }
}

/// A change of one sealed key.
fn seal_plan() -> Plan {
    Plan {
        title: "seal apps/cart/overlays/prod/db.enc.yaml".into(),
        kind: PlanKind::Seal,
        files: vec![PlanFile {
            path: "apps/cart/overlays/prod/db.enc.yaml".into(),
            added: 3,
            removed: 3,
            diff: vec![DiffLine { sign: '+', text: "    password: ENC[AES256_GCM,data:9f1k,iv:…]".into() }],
            note: "key password changed, 1 unchanged".into(),
        }],
        effects: vec![PlanEffect {
            environment: "prod".into(),
            production: true,
            producer: app_key("cart"),
            objects: vec![ObjectEffect {
                key: key("", "Secret", "shop", "cart-db"),
                sign: '~',
                summary: "key password changes".into(),
                changes: vec![change(
                    "data.password",
                    "sealed",
                    "sealed",
                    "apps/cart/overlays/prod/db.enc.yaml",
                    6,
                )],
                rollout: None,
                caution: String::new(),
            }],
        }],
        not_rendered: vec![],
        coverage: Coverage { complete: 25, total: 25, missing: [].into() },
        message: "cart: set password in db.enc.yaml\n".into(),
        rehearsed_ms: 41,
        ..plan()
    }
}

fn form(file: &str) -> SecretForm {
    let new = !file.contains("apps/");
    SecretForm {
        file: file.into(),
        new,
        rule: "rule 2 of .sops.yaml (path_regex overlays/prod)".into(),
        recipients: vec!["ops".into(), "flux-prod".into()],
        keys: if new {
            vec![]
        } else {
            vec![("username".into(), "string"), ("password".into(), "string"), ("port".into(), "int")]
        },
        problems: vec![],
    }
}

/// Answers from this file, at once.
pub(crate) fn answer(question: Question) -> Answer {
    match question {
        Question::Details(id) => Answer::Details(Ok(Box::new(details(&id)))),
        Question::History(id) => Answer::History(Ok(history(&id))),
        Question::Compare(..) => Answer::Compare(Ok(changes())),
        Question::Commits(_) => Answer::Commits(Ok(commits())),
        Question::Logs(_) => Answer::LogLines(
            (0..60)
                .map(|n| LogLine {
                    source: if n % 3 == 0 { "cart-7d9f6c-2xk8p/cart" } else { "cart-7d9f6c-9h4qm/cart" }
                        .into(),
                    text: format!(
                        "2026-08-29T10:{:02}:07Z level=info msg=\"basket saved\" items={}",
                        n % 60,
                        n * 7 % 13
                    ),
                })
                .collect(),
        ),
        Question::Form(file) => Answer::Form(Ok(form(&file))),
        Question::Reveal { .. } => Answer::Reveal(Ok(SecretText::from_string(CANARY.to_owned()))),
        Question::Revert(commits) if commits == [id("77aa310")] => {
            let cause = "ingress.yaml was changed again at the same lines by a later commit";
            let problem = Problem::error(Reason::Conflict, cause)
                .at("infra/ingress/ingress.yaml", 31)
                .next("revert 9b1e07a too");
            Answer::Plan(Err(Box::new(Refusal { problem, also: vec![super::fixture::commits()[0].clone()] })))
        }
        Question::Revert(_) => Answer::Plan(Ok(Box::new(plan()))),
        Question::Seal { .. } | Question::Reseal(_) => Answer::Plan(Ok(Box::new(seal_plan()))),
    }
}

/// What deeds lead to.
pub(crate) fn done(deed: Deed) -> Answer {
    match deed {
        Deed::Commit { plan, to } => {
            let branch = match to {
                crate::workspace::Destination::Current => plan.branch.clone(),
                crate::workspace::Destination::Branch(name) => name.into(),
            };
            let commit = commit("a1b2c3d", "ana", 0, plan.message.lines().next().unwrap_or_default());
            Answer::Committed(Ok(Committed { commit, branch }))
        }
        Deed::Push => Answer::Pushed(Ok(PushOutcome::Pushed { commits: 1, to: "origin/main".into() })),
        Deed::TakeBack => Answer::TakenBack(Ok(commits()[0].clone())),
        Deed::Context { .. } | Deed::Consent { .. } => Answer::Chosen(Ok(())),
    }
}

/// Hands that answer from this file.
pub(crate) struct Hands(pub mpsc::Sender<Back>);

impl Carry for Hands {
    fn start(&mut self, effect: Effect) {
        let reply = match effect {
            Effect::Ask { generation, question } => {
                let slot = question.slot();
                Reply { slot, generation, answer: answer(question) }
            }
            Effect::Do { generation, deed } => Reply { slot: Slot::Write, generation, answer: done(deed) },
            Effect::Copy(text) => {
                let _ = self.0.try_send(Back::NoClipboard(text));
                return;
            }
            _ => return,
        };
        let _ = self.0.try_send(Back::Reply(reply));
    }

    fn begin(&mut self, _workspace: crate::workspace::Workspace, _keeps: Option<Box<dyn Send>>) {}

    async fn finish(&mut self) {}
}
