//! Every screen and state as text with its labels, at two sizes. Read the changes as you would read code.

use super::*;

fn check(name: &str, snapshot: fn() -> Snapshot, keys: &str) {
    for (width, height) in [(80, 24), (140, 40)] {
        let mut desk = Desk::new(snapshot(), width, height);
        desk.keys(keys);
        insta::with_settings!({ snapshot_path => "frames", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}-{width}x{height}"), picture(&desk));
        });
    }
}

#[test]
fn home() {
    check("home", fixture::snapshot, "");
}

#[test]
fn home_on_a_good_day() {
    check("home-quiet", fixture::quiet, "");
}

#[test]
fn home_before_anything_is_read() {
    check("home-unread", fixture::unread, "");
}

#[test]
fn home_while_clusters_are_read() {
    check("home-reading", fixture::reading, "");
}

#[test]
fn home_with_clusters_out_of_reach() {
    check("home-offline", fixture::offline, "");
}

#[test]
fn home_with_nothing_to_show() {
    check("home-empty", fixture::empty, "");
}

#[test]
fn home_filtered() {
    check("home-filter", fixture::snapshot, "/cart env:prod");
}

#[test]
fn tree() {
    check("tree", fixture::snapshot, "jj<enter>");
}

#[test]
fn diff() {
    check("diff", fixture::snapshot, "jjd");
}

#[test]
fn diff_side_by_side_with_noise_and_context() {
    check("diff-side", fixture::snapshot, "jjdSz}");
}

#[test]
fn diff_of_a_secret() {
    check("diff-secret", fixture::snapshot, "jj<enter>/secret cart-db<enter><enter>");
}

#[test]
fn describe() {
    check("describe", fixture::snapshot, "jjd<tab>");
}

#[test]
fn yaml() {
    check("yaml", fixture::snapshot, "jjy");
}

#[test]
fn events() {
    check("events", fixture::snapshot, "jjd<tab><tab><tab>");
}

#[test]
fn history() {
    check("history", fixture::snapshot, "h<space>");
}

#[test]
fn history_with_commits_that_cannot_be_rendered() {
    check("history-gaps", fixture::snapshot, "/checkout env:prod<enter>hG");
}

#[test]
fn changes_of_a_commit() {
    check("changes", fixture::snapshot, "h<enter>");
}

#[test]
fn commits_to_compare_with() {
    check("commits", fixture::snapshot, "D");
}

#[test]
fn plan() {
    check("plan", fixture::snapshot, "v");
}

#[test]
fn plan_unfolded() {
    check("plan-open", fixture::snapshot, "v<enter>");
}

#[test]
fn plan_committed() {
    check("plan-committed", fixture::snapshot, "vC");
}

#[test]
fn push_to_a_protected_branch() {
    check("push", fixture::snapshot, "vCP");
}

#[test]
fn plan_refused() {
    check("plan-refused", fixture::snapshot, ":commits<enter>jjjjv");
}

#[test]
fn who_can_read_what() {
    check("readers", fixture::snapshot, ":secrets: all<enter>jw");
}

#[test]
fn secrets() {
    check("secrets", fixture::snapshot, ":secrets: all<enter>");
}

#[test]
fn sealed_secrets() {
    check("sealed-secrets", fixture::sealed_secrets, ":secrets: all<enter>j");
    check("sealed-secret-form", fixture::sealed_secrets, ":secrets: all<enter>j<enter>V");
    check("sealed-secret-who", fixture::sealed_secrets, ":secrets: all<enter>jw");
}

#[test]
fn form() {
    check("form-changes", fixture::snapshot, ":secrets: all<enter>j<enter>ajm2<enter>");
    check("form", fixture::snapshot, ":secrets: all<enter>j<enter>j<enter>abc");
}

#[test]
fn sealing_plan() {
    check("seal-plan", fixture::snapshot, ":secrets: all<enter>j<enter>j<enter>abc<enter><c-s>");
}

#[test]
fn logs() {
    check("logs", fixture::snapshot, "jjl");
}

#[test]
fn palette() {
    check("palette", fixture::snapshot, ":crt");
}

#[test]
fn help() {
    check("help", fixture::snapshot, "?");
}
