//! The order of checks that every kind goes through, and sums.

use super::*;

#[test]
fn deletion_comes_first_and_hangs_on_finalizers() {
    let with = |time: &str, finalizers: &str| {
        health(
            &live(&format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x, deletionTimestamp: '{time}', finalizers: {finalizers}}}\n"
            )),
            NOW,
        )
    };
    assert_eq!(with("2026-11-21T11:59:00Z", "[a.org/b]").state, Terminating);
    let stuck = with("2026-11-21T11:00:00Z", "[a.org/b]");
    assert_eq!(
        (stuck.state, &*stuck.reason),
        (Degraded, "stuck: being deleted for 60 min, waits for a.org/b")
    );
}

#[test]
fn conditions_of_an_older_generation_do_not_count() {
    check(
        "example.org/v1 Thing",
        "status: {conditions: [{type: Ready, status: 'False', reason: Failed, observedGeneration: 1}]}",
        NotApplicable,
        "",
    );
}

#[test]
fn young_failures_without_a_failing_reason_are_progress() {
    let with = |since: &str| {
        health(&live(&format!("apiVersion: example.org/v1\nkind: Thing\nmetadata: {{name: x}}\nstatus: {{conditions: [{{type: Ready, status: 'False', reason: NotThere, message: no, lastTransitionTime: '{since}'}}]}}\n")), NOW).state
    };
    assert_eq!(with("2026-11-21T11:59:30Z"), Progressing);
    assert_eq!(with("2026-11-21T11:50:00Z"), Degraded);
}

#[test]
fn partial_reads_are_unknown() {
    let mut partial = live("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n");
    partial.whole = false;
    assert_eq!(health(&partial, NOW).state, Unknown);
}
