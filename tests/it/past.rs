//! What commits did and what their reverts would do, where a side cannot be rendered or an object has two producers.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::model::{ObjectKey, Reason};
use sealane::workspace::{History, ObjectId, Plan, Settings, Workspace};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SOURCE: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {url: https://git.example.test/shop, interval: 1m}
";
pub const SHOP: &str = "apps/shop/kustomization.yaml";
pub const RENDERS: &str = "resources: [settings.yaml]\n";
pub const REFUSED: &str = "resources: [settings.yaml, missing.yaml]\n";

pub fn kustomization(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  path: ./{path}
  prune: true
  interval: 10m
  sourceRef: {{kind: GitRepository, name: flux-system}}
"
    )
}

/// What Flux starts an environment from.
pub fn entry(name: &str) -> String {
    format!("{SOURCE}---\n{}", kustomization("flux-system", &format!("clusters/{name}")))
}

pub fn settings(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: shop}}\ndata: {{greeting: {value}}}\n"
    )
}

fn namespace(team: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{team: {team}}}}}\n")
}

/// A clone with an environment `prod` whose producers lie in `apps`.
pub struct Past {
    sandbox: Sandbox,
    clone: PathBuf,
}

impl Past {
    /// The first commit: the environment with these producers and their files.
    pub fn of(producers: &[&str], files: &[(&str, &str)]) -> Self {
        let entry = entry("prod");
        let apps: Vec<(String, String)> = producers
            .iter()
            .map(|name| (format!("clusters/prod/{name}.yaml"), kustomization(name, &format!("apps/{name}"))))
            .collect();
        let apps = apps.iter().map(|(path, text)| (&**path, &**text));
        let all = std::iter::once(("clusters/prod/sync.yaml", &*entry)).chain(apps);
        Self::plain(&all.chain(files.iter().copied()).collect::<Vec<_>>())
    }

    /// The first commit: these files.
    pub fn plain(files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        let clone = sandbox.folder().join("clone");
        std::fs::create_dir_all(&clone).expect("a folder");
        let past = Self { sandbox, clone };
        past.git(&["init", "--quiet", "--initial-branch=main"]);
        past.git(&["config", "user.name", "Ana"]);
        past.git(&["config", "user.email", "ana@example.test"]);
        past.commit(files);
        past
    }

    /// The clone's folder.
    pub fn folder(&self) -> &std::path::Path {
        &self.clone
    }

    pub fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.clone, words).trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.clone.join(path);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders");
        std::fs::write(path, text).expect("written");
    }

    /// Commits these files; the id of the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "one more"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn open(&self) -> Workspace {
        let state = Some(self.sandbox.folder().join("state"));
        let settings = Settings { path: self.clone.clone(), no_cluster: true, state, ..Settings::default() };
        Workspace::open(settings).expect("it opens")
    }

    pub async fn revert(&self, commit: &str) -> Plan {
        let workspace = self.open();
        let id = workspace.resolve(commit).await.expect("git told this id");
        workspace.plan_revert(&[id]).await.expect("it can be reverted")
    }

    async fn history(&self, key: ObjectKey) -> History {
        let workspace = self.open();
        let mut snapshots = workspace.snapshots();
        let read = snapshots.wait_for(|s| s.repo.read && !s.environments.is_empty() && s.work.is_empty());
        let read = tokio::time::timeout(Duration::from_mins(1), read).await;
        assert!(read.expect("it is read within a minute").is_ok(), "the engine lives");
        let id = ObjectId { environment: "prod".into(), key };
        workspace.history(&id, &CancellationToken::new()).await.expect("its history")
    }
}

/// `producer sign object` of all effects.
pub fn effects(plan: &Plan) -> Vec<String> {
    let of = |effect: &sealane::workspace::PlanEffect| {
        let objects = effect.objects.iter().map(|o| format!("{} {} {}", effect.producer.name, o.sign, o.key));
        objects.collect::<Vec<_>>()
    };
    plan.effects.iter().flat_map(of).collect()
}

fn is_told(plan: &Plan) {
    let told: Vec<Reason> = plan.not_rendered.iter().map(|problem| problem.reason).collect();
    assert_eq!(told, [Reason::MissingFile], "{:?}", plan.not_rendered);
}

#[tokio::test]
async fn what_cannot_be_rendered_on_one_side_neither_comes_nor_goes() {
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    let broken = past.commit(&[(SHOP, REFUSED)]);
    let plan = past.revert(&broken).await;
    assert_eq!(effects(&plan), [""; 0], "its objects were there before as far as anybody knows");
    is_told(&plan);
    let mended = past.commit(&[(SHOP, RENDERS)]);
    let plan = past.revert(&mended).await;
    assert_eq!(effects(&plan), [""; 0], "nobody removes them");
    is_told(&plan);
}

#[tokio::test]
async fn what_goes_beside_a_remote_entry_goes_though_nothing_else_is_left() {
    let remote = "https://git.example.test/org/repo//base?ref=v1";
    let only = format!("resources: [\"{remote}\"]\n");
    let past = Past::of(&["shop"], &[(SHOP, &only), ("apps/shop/settings.yaml", &settings("hello"))]);
    let both = format!("resources: [\"{remote}\", settings.yaml]\n");
    let brought = past.commit(&[(SHOP, &both)]);
    let plan = past.revert(&brought).await;
    assert_eq!(effects(&plan), ["shop - ConfigMap/shop/settings"]);
    let reasons: Vec<Reason> = plan.not_rendered.iter().map(|problem| problem.reason).collect();
    assert_eq!(reasons, [Reason::NeedsNetwork], "what the remote entry makes is not known");
}

#[tokio::test]
async fn what_a_producer_makes_that_cannot_be_rendered_neither_comes_nor_goes() {
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    let all = "resources: [sync.yaml, shop.yaml, missing.yaml]\n";
    let broken = past.commit(&[("clusters/prod/kustomization.yaml", all)]);
    let plan = past.revert(&broken).await;
    assert_eq!(effects(&plan), [""; 0], "neither the Kustomization shop nor what it makes comes anew");
    is_told(&plan);
    // Where everything renders, the same change of files would be told.
    past.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let only = past.commit(&[("clusters/prod/kustomization.yaml", "resources: [sync.yaml]\n")]);
    let plan = past.revert(&only).await;
    let shop = "Kustomization/flux-system/shop";
    assert_eq!(
        effects(&plan),
        [format!("flux-system + {shop}"), "shop + ConfigMap/shop/settings".to_owned()],
        "{:?}",
        plan.not_rendered
    );
    assert!(plan.not_rendered.is_empty(), "{:?}", plan.not_rendered);
}

#[tokio::test]
async fn an_object_of_two_producers_is_compared_with_what_each_said_itself() {
    let (ours, theirs) = (namespace("ours"), namespace("theirs"));
    let files = [("apps/a/namespace.yaml", &*ours), ("apps/b/namespace.yaml", &*theirs)];
    let past = Past::of(&["a", "b"], &files);
    let other = past.commit(&[("apps/b/namespace.yaml", &namespace("others"))]);
    assert_eq!(effects(&past.revert(&other).await), ["b ~ Namespace/shop"], "a says what it said");
    let other = past.commit(&[("apps/a/namespace.yaml", &namespace("others"))]);
    assert_eq!(effects(&past.revert(&other).await), ["a ~ Namespace/shop"], "b says what it said");
}

/// `commits newest oldest cause` of each run of commits at which the object could not be rendered.
fn gaps(history: &History) -> Vec<(usize, String, String, String)> {
    let of = |gap: &sealane::workspace::Gap| {
        (gap.commits, gap.newest.to_string(), gap.oldest.to_string(), gap.problem.cause.clone())
    };
    history.gaps.iter().map(of).collect()
}

fn told(history: &History) -> Vec<(String, &str)> {
    history.entries.iter().map(|entry| (entry.commit.id.to_string(), &*entry.summary)).collect()
}

fn missing(file: &str) -> String {
    format!("apps/shop/{file} does not exist")
}

#[tokio::test]
async fn history_goes_on_past_commits_that_cannot_be_rendered_and_names_their_run() {
    let file = "apps/shop/settings.yaml";
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), (file, &settings("hello"))]);
    let first = past.git(&["rev-parse", "HEAD"]);
    let second = past.commit(&[(file, &settings("welcome"))]);
    let other = past.commit(&[(SHOP, "resources: [settings.yaml, other.yaml]\n")]);
    let broken = past.commit(&[(SHOP, REFUSED)]);
    past.commit(&[(file, &settings("between"))]);
    let idle = past.commit(&[("README.md", "nothing that is rendered\n")]);
    past.commit(&[(SHOP, RENDERS)]);
    let last = past.commit(&[(file, &settings("goodbye"))]);
    let history = past.history(ObjectKey::new("", "ConfigMap", "shop", "settings")).await;
    let ids: Vec<String> = history.entries.iter().map(|entry| entry.commit.id.to_string()).collect();
    assert_eq!(
        ids,
        [last, other.clone(), second, first],
        "what changed while it could not be rendered came with the first of them"
    );
    assert_eq!((history.seen, history.complete), (8, true));
    let expected = [
        (3, idle.clone(), broken.clone(), missing("missing.yaml")),
        (1, other.clone(), other, missing("other.yaml")),
    ];
    assert_eq!(gaps(&history), expected, "each run under one cause, newest first");
    let words = [
        format!(
            "not rendered at 3 commits from {} to {}: {}",
            &broken[..7],
            &idle[..7],
            missing("missing.yaml")
        ),
        format!("not rendered at {}: {}", &expected[1].1[..7], missing("other.yaml")),
    ];
    assert_eq!(history.gaps.iter().map(|gap| gap.told().cause).collect::<Vec<_>>(), words);
    assert!(history.problems.is_empty(), "{:?}", history.problems);

    let command = ["history", "ConfigMap/shop/settings", "--no-cluster"];
    let (text, code) = said(&past.sandbox, &past.clone, &command);
    assert!(code == 3 && words.iter().all(|words| text.contains(words)), "{code}\n{text}");
    let (json, _) = said(&past.sandbox, &past.clone, &[&command[..], &["--output", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("one document");
    let run = &json["notRendered"][0];
    assert_eq!((&run["commits"], &run["newest"], &run["oldest"]), (&3.into(), &idle.into(), &broken.into()));
    assert_eq!(run["problem"]["reason"], "missing-file");
}

#[tokio::test]
async fn the_cause_is_that_of_the_producer_which_makes_the_object() {
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    past.commit(&[
        ("clusters/prod/first.yaml", &kustomization("first", "apps/nowhere")),
        ("clusters/prod/zebra.yaml", &kustomization("zebra", "apps/nowhere")),
    ]);
    let broken = past.commit(&[(SHOP, REFUSED)]);
    past.commit(&[(SHOP, RENDERS)]);
    let history = past.history(ObjectKey::new("", "ConfigMap", "shop", "settings")).await;
    assert_eq!(gaps(&history), [(1, broken.clone(), broken, missing("missing.yaml"))]);
}

#[tokio::test]
async fn an_object_that_went_with_commits_that_cannot_be_rendered_has_an_end() {
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    let first = past.git(&["rev-parse", "HEAD"]);
    let second = past.commit(&[(SHOP, "resources: [missing.yaml]\n")]);
    let idle = past.commit(&[("README.md", "nothing that is rendered\n")]);
    let space = namespace("pay");
    past.commit(&[(SHOP, "resources: [space.yaml]\n"), ("apps/shop/space.yaml", &space)]);
    let key = || ObjectKey::new("", "ConfigMap", "shop", "settings");
    let history = past.history(key()).await;
    assert_eq!(told(&history), [(second.clone(), "no longer declared"), (first.clone(), "declared")]);
    assert_eq!(gaps(&history), [(2, idle.clone(), second.clone(), missing("missing.yaml"))]);
    // At a head that cannot be rendered it stays gone.
    let head = past.commit(&[(SHOP, "resources: [missing.yaml]\n")]);
    let history = past.history(key()).await;
    assert_eq!(told(&history), [(second.clone(), "no longer declared"), (first, "declared")]);
    let expected =
        [(1, head.clone(), head, missing("missing.yaml")), (2, idle, second, missing("missing.yaml"))];
    assert_eq!(gaps(&history), expected);
}

/// A value that no answer may hold unless it was asked with it.
const TENANT: &str = "canary-tenant";

fn tenants(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: vars, namespace: flux-system}}\nstringData: {{TENANT: {value}}}\n"
    )
}

/// An object whose name is made of a secret value, which the third commit changes.
fn with_a_secret_name() -> (Past, [String; 3]) {
    let shop =
        kustomization("shop", "apps/shop") + "  postBuild: {substituteFrom: [{kind: Secret, name: vars}]}\n";
    let object = |value: &str| settings(value).replace("name: settings", "name: 'settings-${TENANT}'");
    let past = Past::of(
        &[],
        &[
            ("clusters/prod/shop.yaml", &shop),
            ("clusters/prod/vars.yaml", &tenants("first-tenant")),
            (SHOP, RENDERS),
            ("apps/shop/settings.yaml", &object("hello")),
        ],
    );
    let first = past.git(&["rev-parse", "HEAD"]);
    let second = past.commit(&[("apps/shop/settings.yaml", &object("welcome"))]);
    let third = past.commit(&[("clusters/prod/vars.yaml", &tenants(TENANT))]);
    (past, [first, second, third])
}

#[tokio::test]
async fn an_object_with_a_secret_name_has_a_history_by_its_expression_and_by_the_name_in_the_cluster() {
    let (past, [first, second, third]) = with_a_secret_name();
    let all = [third.clone(), second.clone(), first.clone()];
    // The expression is what git says; the other name is what a cluster would tell.
    for name in ["settings-${TENANT}".to_owned(), format!("settings-{TENANT}")] {
        let history = past.history(ObjectKey::new("", "ConfigMap", "shop", &name)).await;
        let ids: Vec<String> = told(&history).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, all, "{name}");
        assert!(!format!("{:?}", history.entries).contains(TENANT), "the value is not shown");
    }
    // The name that it had is the name of an object that went.
    let history = past.history(ObjectKey::new("", "ConfigMap", "shop", "settings-first-tenant")).await;
    let expected =
        [(third, "no longer declared"), (second, "key greeting hello → welcome"), (first, "declared")];
    assert_eq!(told(&history), expected);
}

#[tokio::test]
async fn another_secret_name_is_another_object() {
    let (past, [_, second, third]) = with_a_secret_name();
    let plan = past.revert(&third).await;
    let object = "ConfigMap/shop/settings-${TENANT}";
    let secret = "flux-system ~ Secret/flux-system/vars".to_owned();
    assert_eq!(effects(&plan), [secret, format!("shop - {object}"), format!("shop + {object}")]);
    let plan = past.revert(&second).await;
    assert_eq!(effects(&plan), [format!("shop ~ {object}")]);
}

#[tokio::test]
async fn a_secret_name_that_no_cluster_told_is_answered_with_its_expression() {
    let (past, _) = with_a_secret_name();
    let expression = "ConfigMap/shop/settings-${TENANT}";
    let (told, code) = said(&past.sandbox, &past.clone, &["history", expression, "--no-cluster"]);
    assert!(code <= 1 && told.contains("3 of 3 commits change this object"), "{code} {told}");
    assert!(!told.contains(TENANT), "{told}");
    let typed = format!("ConfigMap/shop/settings-{TENANT}");
    let (told, code) = said(&past.sandbox, &past.clone, &["history", &typed, "--no-cluster"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("no environment has") && told.contains(expression), "{told}");
    assert!(told.contains("variables that are secret or not known"), "{told}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_may_protect_any_branch() {
    let past = Past::plain(&[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    let changed = past.commit(&[("apps/shop/settings.yaml", &settings("welcome"))]);
    assert!(!past.revert(&changed).await.protected);
    past.write(".sealane.yaml", "protectedBranches: [main\n");
    assert!(past.revert(&changed).await.protected);
}

#[test]
fn an_object_that_is_gone_is_asked_for_as_one_that_is_there() {
    let past = Past::of(&["shop"], &[(SHOP, RENDERS), ("apps/shop/settings.yaml", &settings("hello"))]);
    let changed = past.commit(&[("apps/shop/settings.yaml", &settings("bye"))]);
    let went =
        past.commit(&[(SHOP, "resources: []\nnamespace: shop\nconfigMapGenerator: [{name: other}]\n")]);
    past.commit(&[("README.md", "nothing that is rendered")]);
    let history = |object| said(&past.sandbox, &past.clone, &["history", object, "--no-cluster"]);
    let (text, code) = history("configmap/shop/settings");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(code, 0, "{text}");
    assert!(lines[0].starts_with("ConfigMap/shop/settings in prod  3 of 4 commits"), "{text}");
    assert!(lines[1].starts_with(&went[..7]) && lines[1].contains("no longer declared"), "{text}");
    assert!(lines[2].starts_with(&changed[..7]) && lines[2].contains("hello → bye"), "{text}");
    let (text, code) = history("configmap/shop/setting");
    assert!(code == 2 && text.contains("no environment has configmap/shop/setting"), "{code} {text}");
}
