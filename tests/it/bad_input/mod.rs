//! Bad input: which test holds each line of the list. Each asks the real program, and asserts cause, place and next
//! step, that everything else goes on, and that nothing was lost.

mod cluster;
mod files;
mod repository;
mod sealed;
mod secrets;
mod servers;
mod writing;

use crate::sandbox::Sandbox;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What may be wrong, and the tests that hold it through the whole program. Beside the code stand those of each part.
const LINES: &[(&str, &[&str])] = &[
    ("not a git repository", &["a_folder_without_a_repository_is_told"]),
    ("bare repository", &["a_bare_repository_is_shown_and_refuses_commits"]),
    ("empty repository", &["an_empty_repository_is_shown"]),
    ("unborn HEAD", &["an_unborn_head_is_told_and_other_branches_are_read"]),
    ("detached HEAD", &["a_detached_head_is_shown_and_refuses_commits"]),
    ("shallow clone", &["a_shallow_clone_is_shown_as_far_as_it_goes"]),
    ("a merge in progress", &["a_merge_in_progress_is_shown_and_refuses_commits"]),
    ("submodules", &["submodules_are_told_and_everything_else_renders"]),
    ("LFS pointers", &[EVERYTHING]),
    ("broken YAML", &[EVERYTHING]),
    ("tabs", &[EVERYTHING]),
    ("duplicate keys", &[EVERYTHING]),
    ("anchors 10,000 deep", &[EVERYTHING]),
    ("a 50 MiB file", &[EVERYTHING]),
    ("invalid UTF-8", &[EVERYTHING]),
    ("NUL", &[EVERYTHING]),
    ("symlink loops", &[EVERYTHING]),
    ("symlinks out of the tree", &[EVERYTHING]),
    ("file names with escapes and newlines", &[EVERYTHING]),
    ("kustomization cycles", &[EVERYTHING]),
    ("missing bases", &[EVERYTHING]),
    ("remote bases", &[EVERYTHING]),
    ("no kubeconfig", &["without_a_kubeconfig_or_with_a_broken_one_git_is_shown"]),
    ("unknown context", &["a_context_that_is_not_there_or_leads_nowhere_is_told_with_those_there_are"]),
    ("refused server", &["a_context_that_is_not_there_or_leads_nowhere_is_told_with_those_there_are"]),
    (
        "slow or half-dead server",
        &[
            "slow_and_half_dead_servers_are_given_up_beside_one_that_works",
            "a_server_that_falls_silent_is_told_and_found_again_though_it_forgot_everything",
        ],
    ),
    ("expired token", &["servers_that_do_not_let_us_in_are_told_beside_one_that_does"]),
    ("bad certificate", &["servers_that_do_not_let_us_in_are_told_beside_one_that_does"]),
    ("RBAC that allows three kinds only", &["rights_on_three_kinds_show_these_and_name_the_others"]),
    (
        "CRD vanishing while watched",
        &["a_kind_that_vanishes_while_it_is_watched_is_told_and_the_rest_is_followed"],
    ),
    ("410 Gone", &["a_server_that_falls_silent_is_told_and_found_again_though_it_forgot_everything"]),
    (
        "clock skew",
        &[
            "a_clock_that_is_wrong_is_told_and_the_cluster_is_read",
            "servers_that_do_not_let_us_in_are_told_beside_one_that_does",
        ],
    ),
    ("no age identity", &["without_an_identity_everything_else_renders"]),
    ("wrong identity", &["with_a_wrong_identity_everything_else_renders"]),
    ("damaged MAC", &["a_damaged_mac_is_told_and_everything_else_renders"]),
    ("edited ciphertext", &["edited_ciphertext_is_told_with_its_key_and_everything_else_renders"]),
    (
        "sops metadata of an unknown version",
        &["metadata_of_an_unknown_version_is_told_and_everything_else_renders"],
    ),
    ("PGP- or KMS-only files", &["files_sealed_with_pgp_or_a_kms_only_are_told_and_everything_else_renders"]),
    ("terminal escapes inside any string", &[EVERYTHING]),
    ("terminal of 1x1", &["a_terminal_of_one_cell_is_lived_with_until_it_grows_and_no_color_has_none"]),
    ("stdin closed", &["closed_input_is_told_and_nothing_is_written"]),
    ("disk full while committing", &["a_full_disk_is_told_and_changes_nothing"]),
    ("two Sealanes at once", &["two_sealanes_at_once_never_mix_and_the_second_is_told"]),
    ("remote moved before push", &["a_remote_that_moved_is_told_with_its_commits_and_nothing_is_lost"]),
    ("hook refuses", &["a_hook_that_refuses_is_told_and_nothing_is_lost"]),
    ("protected branch", &["a_protected_branch_is_told_and_a_branch_of_its_own_is_the_way"]),
];
/// What may be wrong with secrets (issue 6), likewise.
const SECRETS: &[(&str, &[&str])] = &[
    (
        "each byte of metadata, MAC, tag, IV",
        &["every_byte_of_block_and_ciphertext_may_be_damaged", "damaged_files_never_panic"],
    ),
    ("swapped values", &["damaged_forms_are_refused_with_a_place_and_a_next_step"]),
    ("cut file", &["cut_anywhere_a_file_is_refused_or_holds_what_it_held"]),
    ("duplicated keys", &["damaged_forms_are_refused_with_a_place_and_a_next_step"]),
    ("wrong types", &["damaged_forms_are_refused_with_a_place_and_a_next_step"]),
    ("two documents merged by hand", &["two_documents_merged_by_hand_are_told"]),
    ("wrong identities", &["with_a_wrong_identity_everything_else_renders"]),
    ("locked identities", &["a_locked_file_is_asked_for_once_and_stays_open"]),
    ("absent identities", &["without_an_identity_everything_else_renders"]),
    (
        "hostile plug-ins",
        &["a_plug_in_that_misbehaves_is_ended_and_named", "what_a_plug_in_started_ends_with_it"],
    ),
    (
        "expired, weak and foreign certificates",
        &[
            "weak_and_foreign_certificates_are_told",
            "certificates_that_nothing_may_be_sealed_for_are_refused_by_name",
        ],
    ),
    (
        "100 MiB binaries",
        &[
            "a_hundred_mebibytes_are_refused_by_name",
            "a_hundred_mebibytes_are_refused_by_every_verb_that_would_seal_them",
        ],
    ),
    ("10,000 keys", &["ten_thousand_keys_are_sealed_and_edited"]),
    ("odd key names", &["odd_names_of_keys_are_sealed_edited_and_told_without_steering_a_terminal"]),
    ("read-only folders", &["a_folder_that_is_read_only_is_told_and_nothing_changes"]),
    ("full disk", &["a_full_disk_leaves_sealed_files_whole_and_is_told"]),
    (
        "kill at any instant",
        &["killed_at_any_instant_everything_is_as_before_or_as_after_and_the_next_run_goes_on"],
    ),
    ("HEAD moved meanwhile", &["a_head_that_moves_while_a_value_is_sealed_is_told_and_nothing_is_lost"]),
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
    for (line, names) in LINES.iter().chain(SECRETS) {
        assert!(!names.is_empty(), "{line}");
        for name in *names {
            assert!(tests.contains(*name), "{line}: there is no test {name}");
        }
    }
    assert_eq!((LINES.len(), SECRETS.len()), (46, 18));
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

/// Asserts that one message holds all of these: a line, with those that follow it up to its next step.
fn told(text: &str, words: &[&str]) {
    let lines: Vec<&str> = text.lines().collect();
    let is_next = |line: &&&str| line.trim_start().starts_with("next: ");
    let message = |at: usize| {
        let after = lines[at + 1..].iter().take(4);
        let length = after.clone().position(|line| is_next(&line)).map_or(0, |place| place + 1);
        lines[at..=at + length].concat()
    };
    let found = (0..lines.len()).any(|at| words.iter().all(|word| message(at).contains(word)));
    assert!(found, "{words:?} are not told together:\n{text}");
}

/// The files of a worktree, and of `.git` all but the object store: index, HEAD, refs and their logs. Objects that
/// nobody names are no loss.
fn kept(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("readable").flatten() {
            let path = entry.path();
            match entry.file_type().expect("known") {
                kind if kind.is_dir() && entry.file_name() == "objects" => {}
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() => {
                    let content = std::fs::read(&path).expect("readable");
                    files.insert(path, content);
                }
                _ => drop(files.insert(path, vec![])),
            }
        }
    }
    files
}
