//! `sealane build` with its flags against the real `kustomize build`: the same bytes, the same exit codes.

use crate::support::{text, tool};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The ways to ask, in kustomize's words.
const FLAGS: [&[&str]; 5] = [
    &["--reorder=none"],
    &["--reorder=legacy"],
    &["--enable-managedby-label"],
    &["--load-restrictor=LoadRestrictionsNone", "--reorder=none"],
    &["--load-restrictor=LoadRestrictionsRootOnly", "--enable-managedby-label", "--reorder=none"],
];

/// What both answer: ours first.
fn both(folder: &Path, flags: &[&str]) -> [Output; 2] {
    [Path::new(env!("CARGO_BIN_EXE_sealane")).to_owned(), tool("kustomize")].map(|program| {
        let mut build = Command::new(program);
        build.arg("build").args(flags).arg(folder).stdin(Stdio::null());
        // A remote base shall fail at once on both sides.
        build.envs([("HTTPS_PROXY", "http://127.0.0.1:9"), ("GIT_ALLOW_PROTOCOL", "none")]);
        build.output().expect("the program runs")
    })
}

/// Why the two answers differ; `None` if they do not.
fn differs(folder: &Path, flags: &[&str]) -> Option<String> {
    let [ours, theirs] = both(folder, flags);
    let same = ours.stdout == theirs.stdout && ours.status.code() == theirs.status.code();
    let tells = ours.status.success() || text(&ours.stderr).starts_with("Error: ");
    (!same || !tells).then(|| {
        let [ours_said, theirs_said] = [&ours, &theirs].map(|o| text(&o.stderr));
        let (ours, theirs) = (ours.status, theirs.status);
        format!("{} {flags:?}: ours {ours} {ours_said}, kustomize {theirs} {theirs_said}", folder.display())
    })
}

#[test]
fn flags_and_exit_codes_are_those_of_kustomize() {
    let scratch = tempfile::tempdir().expect("a folder");
    let write = |path: &str, content: &str| {
        let path = scratch.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, content).expect("it can be written");
    };
    write("outside.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: outside}\n");
    write("top/b.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n");
    write("top/a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n");
    write("top/kustomization.yaml", "resources: [b.yaml, ../outside.yaml, a.yaml]\n");
    write("inside/b.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n");
    write("inside/a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n");
    write("inside/kustomization.yaml", "resources: [b.yaml, a.yaml]\nlabels: [{pairs: {tier: front}}]\n");
    write("broken/kustomization.yaml", "resorces: []\n");
    write("nothing/readme.txt", "no kustomization\n");
    let mut wrong = Vec::new();
    let unknown: [&[&str]; 3] = [&[], &["--reorder=upwards"], &["--load-restrictor=Everything"]];
    for folder in ["top", "inside", "broken", "nothing", "absent"] {
        for flags in FLAGS.iter().chain(&unknown) {
            wrong.extend(differs(&scratch.path().join(folder), flags));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let codes = |folder: &str, flags| both(&scratch.path().join(folder), flags).map(|o| o.status.code());
    assert_eq!(codes("top", FLAGS[0]), [Some(1); 2], "a file outside of its root is refused");
    assert_eq!(codes("top", FLAGS[3]), [Some(0); 2], "unless it is allowed");
    let [none, legacy] =
        [FLAGS[0], FLAGS[1]].map(|flags| text(&both(&scratch.path().join("inside"), flags)[0].stdout));
    assert!(
        none.find("Service") < none.find("Namespace") && legacy.find("Namespace") < legacy.find("Service")
    );
}

mod corpora {
    use super::*;
    use crate::bundles::say;

    #[test]
    fn real_roots_are_built_as_kustomize_builds_them_with_flags() {
        let corpora = std::env::var_os("SEALANE_CORPORA").expect("SEALANE_CORPORA names no folder");
        let corpora = Path::new(&corpora);
        let index = std::fs::read_to_string(corpora.join("expected/index.tsv")).expect("the index");
        let first = ["caarlos0__home", "fluxcd__flux2-kustomize-helm-example", "toboshii__home-ops"];
        let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        let roots: Vec<_> = rows
            .filter(|row| first.contains(&row[0]) && row[2] == "ok")
            .map(|row| [row[0], row[1]])
            .collect();
        let tries = roots.iter().zip(FLAGS.iter().cycle());
        let wrong: Vec<String> = tries
            .filter_map(|([repository, path], flags)| differs(&corpora.join(repository).join(path), flags))
            .collect();
        say(&format!("build with flags: {} of {} roots the same", roots.len() - wrong.len(), roots.len()));
        assert!(wrong.is_empty() && roots.len() == 114, "{} roots: {wrong:#?}", roots.len());
    }
}
