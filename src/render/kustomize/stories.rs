//! Whole builds, told as stories: what a person sees when something is wrong, and what an object remembers.

use super::*;
use crate::model::{
    ContentId, OpenError, Opened, Opener, Problem, Reason, SealedFormat, Tree, TreeEntry, TreeError,
};
use crate::render::testing::Files;
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Node, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  \
                          template:\n    spec:\n      containers:\n      - name: main\n        image: nginx:1\n";

fn run(files: &[(&str, &str)], dir: &str, options: &BuildOptions) -> Result<Build, BuildError> {
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    build(&Files::new(files), dir, options, &inputs)
}

fn builds(files: &[(&str, &str)]) -> Build {
    run(files, "", &BuildOptions::default()).unwrap_or_else(|e| panic!("{}", e.problem()))
}

/// The reason, the place and the cause of a refusal.
fn refuses(files: &[(&str, &str)], dir: &str) -> (Reason, String, String) {
    let error = run(files, dir, &BuildOptions::default()).expect_err("it should be refused");
    let problem = error.problem();
    (problem.reason, problem.place.map(|p| p.to_string()).unwrap_or_default(), problem.cause)
}

/// `file:line` of the node at a path of keys and numbers.
fn place(body: &Node, path: &[&str]) -> String {
    let node = path.iter().fold(body, |node, part| match part.parse::<usize>() {
        Ok(index) => &node.as_seq().expect("a list")[index],
        Err(_) => node.get(part).unwrap_or_else(|| panic!("there is no {part}")),
    });
    format!("{}:{}", node.mark.file.as_deref().unwrap_or("?"), node.mark.line)
}

/// As kustomize v5.8.1 builds it, with the comment in the object's file or in the patch's.
#[test]
fn a_comment_says_how_a_list_merges() {
    let object = |comment: &str| {
        format!("apiVersion: x/v1\nkind: Foo\nmetadata: {{name: x}}\ncontainers: {comment}\n- name: foo\n")
    };
    let comment = r#"# {"x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}"#;
    for (target, patch, is_merged) in [(comment, "", true), ("", comment, true), ("", "", false)] {
        let (target, patch) = (object(target) + "  image: foo:bar\n", object(patch) + "  tty: true\n");
        let built = builds(&[
            ("kustomization.yaml", "resources: [r.yaml]\npatches: [{path: p.yaml}]\n"),
            ("r.yaml", &target),
            ("p.yaml", &patch),
        ]);
        assert_eq!(to_text(&built).contains("foo:bar"), is_merged);
    }
}

#[test]
fn a_patch_in_brackets_is_json_and_nothing_else() {
    let with = |patch: &str| {
        let kustomization =
            format!("resources: [web.yaml]\npatches:\n- target: {{kind: Deployment}}\n  patch: '{patch}'\n");
        run(
            &[("kustomization.yaml", kustomization.as_str()), ("web.yaml", DEPLOYMENT)],
            "",
            &BuildOptions::default(),
        )
    };
    assert!(with(r#"[{"op": "add", "path": "/spec/paused", "value": true}]"#).is_ok());
    let error = with("[{op: add, path: /spec/paused, value: true}]").expect_err("it is YAML");
    assert_eq!((error.place.line, error.problem().reason), (4, Reason::InvalidKustomization));
}

#[test]
fn every_field_knows_who_wrote_it() {
    let built = builds(&[
        (
            "kustomization.yaml",
            "resources:\n- web.yaml\nnamespace: shop\nnamePrefix: dev-\nimages:\n- name: nginx\n  newTag: \"2\"\n\
             replicas:\n- name: web\n  count: 3\npatches:\n- path: patch.yaml\n- patch: |-\n    - op: add\n      path: /spec/paused\n      \
             value: true\n  target:\n    kind: Deployment\nlabels:\n- pairs:\n    team: red\n",
        ),
        ("web.yaml", DEPLOYMENT),
        (
            "patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  minReadySeconds: 5\n",
        ),
    ]);
    let body = &built.objects[0].body;
    let container = ["spec", "template", "spec", "containers", "0"];
    let inside = |field| container.iter().copied().chain([field]).collect::<Vec<_>>();
    assert_eq!(place(body, &["kind"]), "web.yaml:2");
    assert_eq!(place(body, &inside("name")), "web.yaml:10");
    assert_eq!(place(body, &inside("image")), "kustomization.yaml:7");
    assert_eq!(place(body, &["spec", "replicas"]), "kustomization.yaml:10");
    assert_eq!(place(body, &["spec", "minReadySeconds"]), "patch.yaml:6");
    assert_eq!(place(body, &["spec", "paused"]), "kustomization.yaml:16");
    assert_eq!(place(body, &["metadata", "namespace"]), "kustomization.yaml:3");
    assert_eq!(place(body, &["metadata", "name"]), "kustomization.yaml:4");
    assert_eq!(place(body, &["metadata", "labels", "team"]), "kustomization.yaml:21");
    assert_eq!((&*built.objects[0].origin.file, built.objects[0].origin.line), ("web.yaml", 1));
}

#[test]
fn a_circle_is_named_and_does_not_turn() {
    let files = [
        ("a/kustomization.yaml", "resources:\n- ../b\n"),
        ("b/kustomization.yaml", "resources:\n- ../a\n"),
        ("self/kustomization.yaml", "resources:\n- .\n"),
        ("deep/in/kustomization.yaml", "resources:\n- ..\n"),
        ("deep/kustomization.yaml", "resources: []\n"),
    ];
    for dir in ["a", "self", "deep/in"] {
        let (reason, place, cause) = refuses(&files, dir);
        assert_eq!(reason, Reason::Cycle, "{dir}: {cause}");
        assert!(place.contains("kustomization.yaml:2 resources"), "{place}");
    }
}

#[test]
fn what_is_missing_is_named_where_it_is_asked_for() {
    let (reason, place, cause) = refuses(&[("kustomization.yaml", "resources:\n- a.yaml\n")], "");
    assert_eq!((reason, place.as_str()), (Reason::MissingFile, "kustomization.yaml:2 resources"));
    assert_eq!(cause, "a.yaml does not exist");
    let files = [("kustomization.yaml", "resources:\n- base\n"), ("base/web.yaml", DEPLOYMENT)];
    let (reason, place, cause) = refuses(&files, "");
    assert_eq!((reason, place.as_str()), (Reason::MissingFile, "kustomization.yaml:2 resources"));
    assert!(cause.starts_with("no kustomization.yaml"), "{cause}");
    assert_eq!(refuses(&[("x", "")], "nowhere").0, Reason::MissingFile);
}

#[test]
fn broken_files_are_named_with_their_line() {
    let one = |text: &str| refuses(&[("kustomization.yaml", "resources:\n- a.yaml\n"), ("a.yaml", text)], "");
    assert_eq!(one("kind: A\nmetadata: {name: x}\nspec: [\n").0, Reason::InvalidYaml);
    let (reason, place, _) = one("kind: A\nmetadata:\n\tname: x\n");
    assert_eq!((reason, place.starts_with("a.yaml:")), (Reason::InvalidYaml, true), "{place}");
    assert_eq!(one("kind: A\nmetadata: {name: x\u{0}}\n").0, Reason::InvalidYaml);
    let (reason, place, _) = one("kind: A\nmetadata: {name: x}\n---\nkind: B\n");
    assert_eq!((reason, place.as_str()), (Reason::InvalidObject, "a.yaml:4 metadata.name"));
    let (reason, _, cause) = one("kind: A\nmetadata: {name: x}\n---\nkind: A\nmetadata: {name: x}\n");
    assert_eq!(reason, Reason::InvalidKustomization);
    assert!(cause.contains("A/x is declared twice; first at a.yaml:1"), "{cause}");
}

#[test]
fn the_chain_of_folders_is_told() {
    let files = [
        ("top/kustomization.yaml", "resources:\n- ../mid\n"),
        ("mid/kustomization.yaml", "resources:\n- ../low\n"),
        ("low/kustomization.yaml", "resurces:\n- x\n"),
    ];
    let (reason, place, cause) = refuses(&files, "top");
    assert_eq!(
        (reason, place.as_str()),
        (Reason::InvalidKustomization, "low/kustomization.yaml:1 kustomization")
    );
    assert_eq!(cause, "unknown field `resurces`; did you mean `resources`? (reached through top, mid)");
}

#[test]
fn files_are_confined_unless_that_is_lifted() {
    let files = [("a/kustomization.yaml", "resources:\n- ../web.yaml\n"), ("web.yaml", DEPLOYMENT)];
    assert_eq!(refuses(&files, "a").2, "web.yaml is not in or below a");
    let lifted = BuildOptions { confined: false, ..BuildOptions::default() };
    assert_eq!(run(&files, "a", &lifted).expect("it may read it").objects.len(), 1);
    let outside = [("kustomization.yaml", "resources:\n- ../../etc/passwd\n")];
    assert_eq!(refuses(&outside, "").0, Reason::MissingFile);
}

#[test]
fn links_are_followed_inside_and_refused_outside() {
    let inside = [
        ("kustomization.yaml", "resources:\n- link.yaml\n"),
        ("link.yaml@", "web.yaml"),
        ("web.yaml", DEPLOYMENT),
    ];
    assert_eq!(builds(&inside).objects.len(), 1);
    let folder = [
        ("kustomization.yaml", "resources:\n- link/web.yaml\n"),
        ("link@", "real"),
        ("real/web.yaml", DEPLOYMENT),
    ];
    assert_eq!(builds(&folder).objects.len(), 1);
    for (target, why) in [
        ("../../etc/passwd", "leaves the repository"),
        ("/etc/passwd", "leaves the repository"),
        ("loop.yaml", "circle"),
    ] {
        let (reason, place, cause) =
            refuses(&[("kustomization.yaml", "resources:\n- loop.yaml\n"), ("loop.yaml@", target)], "");
        assert_eq!((reason, place.as_str()), (Reason::MissingFile, "kustomization.yaml:2 resources"));
        assert!(cause.contains(why), "{cause}");
    }
}

#[test]
fn a_remote_base_is_refused_or_left_out_and_named() {
    let files = [
        (
            "kustomization.yaml",
            "resources:\n- web.yaml\n- https://github.com/o/r//base?ref=v1\nhelmCharts:\n- name: redis\n",
        ),
        ("web.yaml", DEPLOYMENT),
    ];
    let (reason, place, cause) = refuses(&files, "");
    assert_eq!((reason, place.as_str()), (Reason::NeedsNetwork, "kustomization.yaml:3 resources"));
    assert!(cause.contains("https://github.com/o/r//base?ref=v1"), "{cause}");
    let partial = BuildOptions { partial: true, ..BuildOptions::default() };
    let built = run(&files, "", &partial).expect("the rest builds");
    assert_eq!(built.objects.len(), 1);
    assert!(!built.is_complete());
    let left: Vec<_> = built.omissions.iter().map(|o| (o.entry.as_str(), o.error.reason().code())).collect();
    assert_eq!(left, [("https://github.com/o/r//base?ref=v1", "needs-network"), ("redis", "needs-helm")]);
}

#[test]
fn fetched_content_is_used_when_it_is_handed_in() {
    let url = "https://github.com/o/r//base?ref=v1";
    let files =
        [("kustomization.yaml", "resources:\n- https://github.com/o/r//base?ref=v1\nnamePrefix: x-\n")];
    let remote =
        Files::new(&[("base/kustomization.yaml", "resources:\n- web.yaml\n"), ("base/web.yaml", DEPLOYMENT)]);
    let remotes =
        BTreeMap::from([(url.to_owned(), Remote { tree: Arc::new(remote), path: "base".to_owned() })]);
    let documents = DocumentCache::default();
    let inputs = Inputs { remotes: &remotes, ..Inputs::new(&documents) };
    let built = build(&Files::new(&files), "", &BuildOptions::default(), &inputs).expect("all is there");
    assert_eq!(&*built.objects[0].key.name, "x-web");
    assert_eq!(&*built.objects[0].origin.file, "https://github.com/o/r//base?ref=v1 base/web.yaml");
}

#[test]
fn a_patch_that_matches_nothing_says_what_it_looked_for() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: wbe\nspec: {replicas: 2}\n";
    let files = [
        ("kustomization.yaml", "resources:\n- web.yaml\npatches:\n- path: p.yaml\n"),
        ("web.yaml", DEPLOYMENT),
        ("p.yaml", patch),
    ];
    let (reason, place, cause) = refuses(&files, "");
    assert_eq!((reason, place.as_str()), (Reason::PatchTargetMissing, "p.yaml:1"));
    assert_eq!(cause, "the patch for Deployment/wbe (apps/v1) matches nothing");
}

#[test]
fn a_read_set_tells_whether_another_revision_gives_the_same() {
    let files = [
        ("a/kustomization.yaml", "resources:\n- web.yaml\n"),
        ("a/web.yaml", DEPLOYMENT),
        ("b/other.yaml", "x: 1\n"),
    ];
    let reads = run(&files, "a", &BuildOptions::default()).expect("it builds").reads;
    let holds =
        |files: &[(&str, &str)]| reads.holds(&Files::new(files)).expect("trees in memory can be read");
    assert!(holds(&files));
    let mut changed = files;
    changed[2].1 = "x: 2\n";
    assert!(holds(&changed), "a file that was not read may change");
    changed[1].1 = "kind: A\nmetadata: {name: x}\n";
    assert!(!holds(&changed));
    let more = [files[0], files[1], ("a/kustomization.yml", "resources: []\n")];
    assert!(!holds(&more), "a second kustomization file makes the build fail");
}

#[test]
fn a_failure_knows_what_it_read() {
    let files = [("kustomization.yaml", "resources:\n- a.yaml\n")];
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let failure = build_recorded(&Files::new(&files), "", &BuildOptions::default(), &inputs)
        .expect_err("a.yaml is missing");
    assert!(failure.reads.holds(&Files::new(&files)).expect("trees in memory can be read"));
    let mended = [files[0], ("a.yaml", DEPLOYMENT)];
    assert!(!failure.reads.holds(&Files::new(&mended)).expect("trees in memory can be read"));
}

/// A tree that counts how often contents are read.
struct Counting<'t>(&'t Files, std::sync::atomic::AtomicUsize);

impl Tree for Counting<'_> {
    fn id(&self) -> ContentId {
        self.0.id()
    }
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        self.0.entry(path)
    }
    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        self.0.list(path)
    }
    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.read(id)
    }
}

#[test]
fn documents_are_parsed_once_and_shared() {
    let files = Files::new(&[("kustomization.yaml", "resources:\n- web.yaml\n"), ("web.yaml", DEPLOYMENT)]);
    let tree = Counting(&files, 0.into());
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let shared = |built: Build| match built.objects.into_iter().next().map(|o| o.body.value) {
        Some(Value::Map(map)) => map,
        _ => panic!("an object is a map"),
    };
    let first = shared(build(&tree, "", &BuildOptions::default(), &inputs).expect("it builds"));
    let second = shared(build(&tree, "", &BuildOptions::default(), &inputs).expect("it builds"));
    assert!(Arc::ptr_eq(&first, &second), "an object that nothing changed is the document itself");
}

/// Opens files whose text begins with `SEALED:`; without a key it opens none.
struct Keys(bool);

impl Opener for Keys {
    fn open_object(&self, body: &Node, file: &str) -> Result<Opened<Node>, OpenError> {
        let mut open = body.clone();
        match open.as_map_mut().and_then(|map| map.remove("sops")) {
            Some(_) if self.0 => Ok(Opened::Plain(open)),
            Some(_) => Err(OpenError(Problem::error(Reason::NeedsKey, "no identity opens it").at(file, 0))),
            None => Ok(Opened::NotSealed),
        }
    }

    fn open_file(&self, bytes: &[u8], file: &str, _: SealedFormat) -> Result<Opened<SecretText>, OpenError> {
        match bytes.strip_prefix(b"SEALED:") {
            Some(inside) if self.0 => Ok(Opened::Plain(SecretText::from_vec(inside.to_vec()))),
            Some(_) => Err(OpenError(Problem::error(Reason::NeedsKey, "no identity opens it").at(file, 0))),
            None => Ok(Opened::NotSealed),
        }
    }

    fn generation(&self) -> u64 {
        u64::from(self.0)
    }
}

fn generated(opener: Option<&dyn Opener>, text: &str) -> Build {
    let files = [
        ("kustomization.yaml", "secretGenerator:\n- name: made\n  files:\n  - key.txt\n  envs:\n  - a.env\n"),
        ("key.txt", text),
        ("a.env", "A=1\n"),
    ];
    let documents = DocumentCache::default();
    let inputs = Inputs { opener, ..Inputs::new(&documents) };
    build(&Files::new(&files), "", &BuildOptions::default(), &inputs).expect("it builds")
}

#[test]
fn a_sealed_source_gives_a_secret_leaf_and_the_name_the_plain_one_gives() {
    let open = generated(Some(&Keys(true)), "SEALED:hunter2");
    let plain = generated(None, "hunter2");
    assert_eq!(open.objects[0].key.name, plain.objects[0].key.name);
    let leaf = open.objects[0].body.at_path(&["data", "key.txt"]).expect("the key is there");
    assert!(matches!(&leaf.value, Value::Secret(SecretLeaf::Text(_))));
    assert_eq!(open.objects[0].origin.sealed.as_deref(), Some("key.txt"));
    let shown = format!("{open:?}{}", to_text(&open));
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
}

#[test]
fn without_the_key_the_name_is_unknown_and_said_to_be() {
    let built = generated(Some(&Keys(false)), "SEALED:hunter2");
    assert_eq!(&*built.objects[0].key.name, "made-??????????");
    assert_eq!(built.warnings.iter().map(|w| w.reason).collect::<Vec<_>>(), [Reason::NeedsKey]);
    let leaf = built.objects[0].body.at_path(&["data", "key.txt"]).expect("the key is there");
    assert!(matches!(&leaf.value, Value::Secret(SecretLeaf::Closed(_))));
}

#[test]
fn ksops_is_run_with_an_opener_and_named_without_one() {
    let files = Files::new(&[
        ("kustomization.yaml", "generators:\n- gen.yaml\n"),
        ("gen.yaml", "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: x}\nfiles:\n- secret.yaml\n"),
        (
            "secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  annotations:\n    \
             kustomize.config.k8s.io/needs-hash: \"true\"\ndata: {a: eA==}\nsops: {mac: x}\n",
        ),
    ]);
    let documents = DocumentCache::default();
    let run = |opener| {
        let inputs = Inputs { opener, ..Inputs::new(&documents) };
        build(&files, "", &BuildOptions::default(), &inputs)
    };
    assert_eq!(run(None).expect_err("programs are not run").reason(), Reason::NeedsPlugin);
    let open = run(Some(&Keys(true))).expect("it is opened");
    assert!(open.objects[0].key.name.starts_with("db-") && open.objects[0].body.get("sops").is_none());
    let closed = run(Some(&Keys(false))).expect("the object is there, closed");
    assert_eq!(&*closed.objects[0].key.name, "db-??????????");
    assert_eq!(closed.warnings[0].reason, Reason::NeedsKey);
}

#[test]
fn deprecated_fields_are_told_with_their_successor() {
    let built =
        builds(&[("kustomization.yaml", "bases:\n- base\n"), ("base/kustomization.yaml", "resources: []\n")]);
    let warning = &built.warnings[0];
    assert_eq!((warning.cause.as_str(), warning.next.as_str()), ("`bases` is deprecated", "use `resources`"));
}

#[test]
fn a_component_is_no_base_and_a_base_no_component() {
    let part = ("part/kustomization.yaml", "kind: Component\nresources: []\n");
    let base = ("base/kustomization.yaml", "resources: []\n");
    let (_, place, cause) = refuses(&[("kustomization.yaml", "resources:\n- part\n"), part], "");
    assert_eq!(
        (place.as_str(), cause.as_str()),
        ("kustomization.yaml:2 resources", "part is a component, expected a kustomization")
    );
    assert!(
        refuses(&[("kustomization.yaml", "components:\n- base\n"), base], "")
            .2
            .contains("base is a kustomization")
    );
}

#[test]
fn four_thousand_objects_with_prefix_and_patches_take_no_quadratic_time() {
    let object = |number| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{number}\ndata: {{a: b}}\n---\n")
    };
    let objects: String = (0..4000).map(object).collect::<Vec<_>>().concat();
    let start = std::time::Instant::now();
    let built = builds(&[
        (
            "kustomization.yaml",
            "resources:\n- all.yaml\nnamePrefix: x-\nnamespace: shop\ncommonLabels: {a: b}\n",
        ),
        ("all.yaml", &objects),
    ]);
    assert_eq!(built.objects.len(), 4000);
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}

/// Pieces that kustomizations and objects are made of, and some that they should not be made of.
fn piece() -> impl proptest::strategy::Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "resources:\n- a.yaml\n",
        "components: [.]\n",
        "namespace: x\n",
        "namePrefix: \"\"\n",
        "images:\n- name: \"[\"\n",
        "patches:\n- patch: |\n    ",
        "  target:\n    kind: .*\n",
        "- op: add\n      path: /a/-\n      value: 1\n",
        "vars:\n- name: A\n  objref: {kind: A, name: x}\n",
        "replacements:\n- source: {kind: A}\n  targets: [{select: {}}]\n",
        "configMapGenerator:\n- name: c\n  literals: [a=b, =, a]\n",
        "labels:\n- pairs: {a: b}\n  fields: [{path: a/b/c, create: true}]\n",
        "apiVersion: v1\nkind: A\nmetadata:\n  name: x\n",
        "kind: List\nitems:\n",
        "---\n",
        "- ",
        "  ",
        "\t",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!binary x",
        "? ",
        "|-\n",
        "null",
        "\"",
        "'",
        "\u{feff}",
        "$patch: delete\n",
        "sortOptions: {order: legacy}\n",
        "openapi: {path: a.yaml}\n",
        "crds: [a.yaml]\n",
        "transformers: [a.yaml]\n",
        "configurations: [a.yaml]\n",
        "é\u{0}\u{1b}",
    ])
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn nothing_makes_a_build_panic(
        kustomization in proptest::collection::vec(piece(), 0..8),
        object in proptest::collection::vec(piece(), 0..8),
    ) {
        let (kustomization, object) = (kustomization.concat(), object.concat());
        for partial in [false, true] {
            let files = [("kustomization.yaml", kustomization.as_str()), ("a.yaml", object.as_str())];
            let options = BuildOptions { partial, ..BuildOptions::default() };
            if let Err(error) = run(&files, "", &options) {
                let problem = error.problem();
                proptest::prop_assert!(!problem.cause.is_empty());
                proptest::prop_assert!(problem.place.is_some_and(|p| !p.file.is_empty() || kustomization.is_empty()));
            }
        }
    }
}
