//! Bad input: which test holds each line of the list, and the whole program on repositories that hold it all.

use crate::sandbox::Sandbox;
use sealane::demo::{DemoRepository, OPERATOR};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What may be wrong, and the tests that say what is told then and that everything else goes on.
const LINES: &[(&str, &[&str])] = &[
    (
        "not a git repository",
        &["no_repository_is_said_with_the_path", "a_folder_without_a_repository_is_told"],
    ),
    ("bare repository", &["bare_repository_is_readable_and_refuses_commits", "a_bare_repository_is_shown"]),
    (
        "empty repository",
        &["empty_repository_has_an_unborn_head_and_empty_trees", "an_empty_repository_is_shown"],
    ),
    ("unborn HEAD", &["empty_repository_has_an_unborn_head_and_empty_trees", "an_empty_repository_is_shown"]),
    ("detached HEAD", &["detached_head_reads_and_commits_only_to_a_new_branch", "what_git_is_in_is_shown"]),
    ("shallow clone", &["shallow_clone_ends_where_it_ends_and_says_so", "what_git_is_in_is_shown"]),
    ("a merge in progress", &["merge_in_progress_reads_ours_and_refuses_commits", "what_git_is_in_is_shown"]),
    ("submodules", &["submodules_are_named_and_not_entered"]),
    ("LFS pointers", &["lfs_pointers_are_told_apart", EVERYTHING]),
    ("broken YAML", &["broken_files_are_named_with_their_line", EVERYTHING]),
    ("tabs", &["tabs_may_stand_where_go_lets_them", EVERYTHING]),
    ("duplicate keys", &[EVERYTHING]),
    ("anchors 10,000 deep", &["aliases_count_as_what_they_stand_for", EVERYTHING]),
    ("a 50 MiB file", &["large_file_is_refused_when_read_and_nothing_else_is", EVERYTHING]),
    ("invalid UTF-8", &[EVERYTHING]),
    ("NUL", &[EVERYTHING]),
    ("symlink loops", &["links_are_entries_and_never_followed", EVERYTHING]),
    ("symlinks out of the tree", &["links_are_followed_inside_and_refused_outside", EVERYTHING]),
    (
        "file names with escapes and newlines",
        &["odd_names_are_kept_out_named_and_survive_our_commits", EVERYTHING],
    ),
    ("kustomization cycles", &["a_circle_is_named_and_does_not_turn", EVERYTHING]),
    ("missing bases", &["what_is_missing_is_named_where_it_is_asked_for", EVERYTHING]),
    ("remote bases", &["a_remote_base_is_refused_or_left_out_and_named", EVERYTHING]),
    ("no kubeconfig", &["no_kubeconfig_is_told_with_the_places_looked_at"]),
    ("unknown context", &["an_unknown_context_names_those_there_are"]),
    ("refused server", &["a_port_where_nobody_listens_is_unreachable"]),
    (
        "slow or half-dead server",
        &["a_server_that_is_slow_or_half_dead_is_given_up", "a_connection_that_died_silently_is_noticed"],
    ),
    (
        "expired token",
        &["an_expired_token_and_a_wrong_clock_are_told_together", "a_wrong_token_is_told_as_such"],
    ),
    ("bad certificate", &["a_refused_certificate_is_told_as_such"]),
    ("RBAC that allows three kinds only", &["rights_on_three_kinds_are_told_kind_by_kind"]),
    ("CRD vanishing while watched", &["custom_kinds_come_and_go"]),
    ("410 Gone", &["a_watch_that_is_too_old_lists_anew"]),
    ("clock skew", &["an_expired_token_and_a_wrong_clock_are_told_together"]),
    (
        "no age identity",
        &["no_age_identity_is_told_with_who_could_open_it", "without_an_identity_everything_else_renders"],
    ),
    ("wrong identity", &["a_wrong_identity_is_told"]),
    ("damaged MAC", &["a_damaged_mac_is_told"]),
    ("edited ciphertext", &["edited_ciphertext_is_told_with_its_key"]),
    ("sops metadata of an unknown version", &["metadata_of_an_unknown_version_is_told"]),
    ("PGP- or KMS-only files", &["files_sealed_with_pgp_or_a_kms_only_are_told_as_such"]),
    ("terminal escapes inside any string", &["control_characters_and_endless_texts_do_not_pass", EVERYTHING]),
    ("terminal of 1x1", &["a_terminal_of_one_cell_is_lived_with_until_it_grows_and_no_color_has_none"]),
    ("stdin closed", &["closed_input_is_told"]),
    ("disk full while committing", &["full_disk_changes_nothing"]),
    ("two Sealanes at once", &["two_writers_at_once_never_mix", "branch_that_moved_meanwhile_is_told"]),
    ("remote moved before push", &["remote_that_moved_is_told_and_the_way_on_works"]),
    ("hook refuses", &["hooks_see_the_new_commit_and_may_refuse_it", "hook_that_guards_refs_may_refuse"]),
    (
        "protected branch",
        &["refusals_say_who_and_what", "a_failing_rollout_is_found_reverted_pushed_and_heals_in_twelve_keys"],
    ),
];
const EVERYTHING: &str = "a_repository_of_everything_that_is_wrong_is_told_line_by_line_and_the_rest_renders";

#[test]
fn every_line_has_a_test_of_that_name() {
    let mut open: Vec<PathBuf> =
        ["src", "tests"].map(|f| Path::new(env!("CARGO_MANIFEST_DIR")).join(f)).to_vec();
    let mut tests = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next.is_dir() {
            open.extend(std::fs::read_dir(&next).expect("readable").flatten().map(|entry| entry.path()));
        } else if next.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&next).expect("text");
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                let name = line.trim_start_matches("async ").strip_prefix("fn ");
                if let Some(name) = name.filter(|_| marked) {
                    tests.insert(name.split('(').next().unwrap_or_default().to_owned());
                }
                marked = line.starts_with("#[test]")
                    || line.starts_with("#[tokio::test")
                    || marked && line.starts_with("#[");
            }
        }
    }
    for (line, names) in LINES {
        assert!(!names.is_empty(), "{line}");
        for name in *names {
            assert!(tests.contains(*name), "{line}: there is no test {name}");
        }
    }
    assert_eq!(LINES.len(), 46);
}

/// What `sealane` says in this folder, and with which code. Nothing that it prints may steer a terminal.
pub fn said(sandbox: &Sandbox, folder: &Path, words: &[&str]) -> (String, i32) {
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_sealane"));
    let output = command.args(words).current_dir(folder).stdin(Stdio::null()).output().expect("it runs");
    let text =
        String::from_utf8(output.stdout).expect("text") + &String::from_utf8(output.stderr).expect("text");
    let steers = text.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(steers, None, "{text:?}");
    (text, output.status.code().expect("no signal ended it"))
}

/// A repository with one good app and the apps that are given: folder, the kustomization's entry, file, content.
fn repository(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.folder().join("fleet");
    std::fs::create_dir(&folder).expect("made");
    sandbox.git(&folder, &["init", "-q", "-b", "main"]);
    for (name, value) in [("user.name", "Mal\u{1b}[31mlory"), ("user.email", "m@example.org")] {
        sandbox.git(&folder, &["config", name, value]);
    }
    app(&folder, "good", "a.yaml", config_map("good").as_bytes());
    folder
}

fn app(folder: &Path, name: &str, entry: &str, content: &[u8]) {
    let place = folder.join("apps").join(name);
    std::fs::create_dir_all(&place).expect("made");
    std::fs::write(place.join("kustomization.yaml"), format!("resources: [\"{entry}\"]\n")).expect("written");
    if entry == "a.yaml" && !content.is_empty() {
        std::fs::write(place.join(entry), content).expect("written");
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn save(sandbox: &Sandbox, folder: &Path) {
    sandbox.git(folder, &["add", "-A"]);
    sandbox.git(folder, &["commit", "-q", "-m", "bad \u{1b}]0;owned\u{7} subject"]);
}

#[test]
fn a_repository_of_everything_that_is_wrong_is_told_line_by_line_and_the_rest_renders() {
    let sandbox = Sandbox::new();
    let folder = repository(&sandbox);
    let base = config_map("x");
    let with = |more: &[u8]| [base.as_bytes(), more].concat();
    let anchors: Vec<String> = (1..10_000).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    let deep = anchors.concat();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1\n";
    for (name, content) in [
        ("tabs", with(b"data:\n\ta: b\n")),
        ("twice", with(b"metadata: {name: y}\n")),
        ("broken", b"a: [\n".to_vec()),
        ("anchors", with(format!("a0: &a0 x\n{deep}").as_bytes())),
        ("utf8", with(b"data: {a: \"\xff\xfe\"}\n")),
        ("nul", with(b"data: {a: \"\0\"}\n")),
        ("lfs", pointer.as_bytes().to_vec()),
        ("large", with(b"data:\n  a: x\n")),
        ("escapes", config_map("\"esc\\e]0;owned\\a\\e[31m\"").into_bytes()),
        ("missing", vec![]),
        ("loop", vec![]),
        ("out", vec![]),
    ] {
        app(&folder, name, "a.yaml", &content);
    }
    app(&folder, "remote", "https://git.example.org/org/repo//base?ref=v1", b"");
    app(&folder, "circle-a", "../circle-b", b"");
    app(&folder, "circle-b", "../circle-a", b"");
    let large = std::fs::OpenOptions::new().append(true).open(folder.join("apps/large/a.yaml"));
    large.and_then(|file| file.set_len(50 << 20)).expect("grown");
    for (target, name) in
        [("b.yaml", "loop/a.yaml"), ("a.yaml", "loop/b.yaml"), ("/etc/passwd", "out/a.yaml")]
    {
        std::os::unix::fs::symlink(target, folder.join("apps").join(name)).expect("linked");
    }
    std::fs::write(folder.join("apps/good/esc\u{1b}[31m\nb.yaml"), "x: 1\n").expect("written");
    save(&sandbox, &folder);

    let (rendered, code) = said(&sandbox, &folder, &["render", "--no-cluster"]);
    assert_eq!(code, 3, "{rendered}");
    for (place, cause, next) in [
        ("apps/tabs/a.yaml:6", "malformed YAML", "correct the YAML at this line"),
        ("apps/twice/a.yaml:5", "mapping key \"metadata\" already defined at line 3", "correct the YAML"),
        ("apps/broken/a.yaml:2", "malformed YAML", "correct the YAML"),
        ("apps/anchors/a.yaml:", "nested deeper than 128 levels", "correct the YAML"),
        ("apps/utf8/a.yaml:5", "invalid UTF-8", "correct the YAML"),
        ("apps/nul/a.yaml:5", "control characters are not allowed", "correct the YAML"),
        ("apps/lfs/a.yaml:1", "a pointer of git-lfs stands here", "`git lfs pull`"),
        (
            "apps/large/kustomization.yaml:1",
            "apps/large/a.yaml has 52428800 bytes; at most 20971520 are read",
            "split the file",
        ),
        ("apps/missing/kustomization.yaml:1", "apps/missing/a.yaml does not exist", "add it, or remove"),
        (
            "apps/loop/kustomization.yaml:1",
            "the link apps/loop/a.yaml leads in a circle",
            "put a file in place",
        ),
        (
            "apps/out/kustomization.yaml:1",
            "the link apps/out/a.yaml leaves the repository",
            "put a file in place",
        ),
        ("apps/remote/kustomization.yaml:1", "would have to be fetched", "vendor it into the repository"),
        ("apps/circle-", "cycle:", "remove the entry that closes the circle"),
    ] {
        let told = rendered.lines().any(|l| l.contains(place) && l.contains(cause) && l.contains(next));
        assert!(told, "{place}: {cause} ({next})\n{rendered}");
    }
    assert!(!rendered.contains("root:"), "nothing outside of the repository is read\n{rendered}");
    assert!(
        rendered.contains("name: good\n") && rendered.contains(r#"name: "esc\e]0;owned\a\e[31m""#),
        "{rendered}"
    );
    let (status, code) = said(&sandbox, &folder, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    assert!(status.contains("2 of 15 rendered; 1 needs the network"), "{status}");
}

#[test]
fn a_folder_without_a_repository_is_told() {
    let sandbox = Sandbox::new();
    let (told, code) = said(&sandbox, sandbox.folder(), &["status", "--no-cluster"]);
    assert_ne!(code, 0);
    assert!(told.contains("is not inside a git repository") && told.contains("clone"), "{told}");
}

#[test]
fn a_bare_repository_is_shown() {
    let sandbox = Sandbox::new();
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    let (told, code) = said(&sandbox, &repository.origin, &["status", "--no-cluster"]);
    assert!(code == 3 && told.lines().any(|l| l.contains(" pay ") && l.contains(" prod ")), "{told}");
    let words = ["revert", "HEAD", "--commit", "--no-cluster"];
    let (told, code) = said(&sandbox, &repository.origin, &words);
    assert!(code != 0 && told.contains("bare") && told.contains("worktree"), "{told}");
}

#[test]
fn an_empty_repository_is_shown() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder().join("empty");
    std::fs::create_dir(&folder).expect("made");
    sandbox.git(&folder, &["init", "-q", "-b", "main"]);
    let (told, code) = said(&sandbox, &folder, &["status", "--no-cluster"]);
    assert!(code <= 3 && told.contains("no commit"), "{code} {told}");
    let (told, code) = said(&sandbox, &folder, &["revert", "HEAD"]);
    assert!(code != 0 && !told.is_empty(), "{told}");
}

#[test]
fn what_git_is_in_is_shown() {
    let sandbox = Sandbox::new();
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    let url = format!("file://{}", fleet.display());
    sandbox.git(sandbox.folder(), &["clone", "-q", "--depth", "3", &url, "shallow"]);
    let shallow = sandbox.folder().join("shallow");
    let words = ["history", "Deployment/shop/pay", "--environment", "prod", "--no-cluster"];
    let (told, _) = said(&sandbox, &shallow, &words);
    assert!(told.contains("010a23f") && told.contains("--unshallow"), "{told}");
    sandbox.git(&fleet, &["checkout", "-q", "--detach"]);
    let (told, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert!(
        code == 3
            && told.contains("detached")
            && told.lines().any(|l| l.contains(" pay ") && l.contains(" prod ")),
        "{told}"
    );
    let (told, code) = said(&sandbox, &fleet, &["revert", "010a23f", "--commit"]);
    assert!(code != 0 && told.contains("branch"), "{told}");
    sandbox.git(&fleet, &["checkout", "-q", "main"]);
    let git_dir = fleet.join(".git");
    std::fs::write(git_dir.join("MERGE_HEAD"), sandbox.git(&fleet, &["rev-parse", "HEAD~1"]))
        .expect("written");
    let (told, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert!(
        code == 3
            && told.contains("merge")
            && told.lines().any(|l| l.contains(" pay ") && l.contains(" prod ")),
        "{told}"
    );
    let (told, code) = said(&sandbox, &fleet, &["revert", "010a23f", "--commit"]);
    assert!(code != 0 && told.contains("git merge --abort"), "{told}");
}

#[test]
fn without_an_identity_everything_else_renders() {
    let sandbox = Sandbox::new();
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    let (told, code) = said(&sandbox, &fleet, &["render", "--no-cluster", "--environment", "prod"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("kind: Deployment") && told.contains("name: cart"), "{told}");
    let words = ["seal", crate::journeys::FILE, "--remove", "password", "--no-cluster"];
    let (told, code) = said(&sandbox, &fleet, &words);
    assert!(
        code != 0 && told.contains("no age identity was found") && told.contains("SOPS_AGE_KEY_FILE"),
        "{told}"
    );
}

#[test]
fn closed_input_is_told() {
    let mut sandbox = Sandbox::new();
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    let (told, code) = said(&sandbox, &fleet, &[]);
    assert!(
        code == 2 && told.contains("this is no terminal; `sealane status` prints the same as text"),
        "{told}"
    );
    let words = ["seal", crate::journeys::FILE, "--set", "password", "--no-cluster"];
    let (told, code) = said(&sandbox, &fleet, &words);
    assert!(code != 0 && told.contains("standard input"), "{told}");
}
