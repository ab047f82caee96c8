//! Journeys of a person at a real terminal, and of the same person on the command line: find, revert, push, watch.

use crate::pty::Pty;
use crate::sandbox::Sandbox;

/// The most keys a person needs from the first screen to a healthy app, besides typed text.
const KEYS: usize = 12;

/// The row of this app in this environment.
fn row<'s>(screen: &'s str, app: &str, environment: &str) -> Option<&'s str> {
    screen.lines().find(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != app);
        words.next().is_some() && words.next() == Some(environment)
    })
}

fn is(screen: &str, app: &str, environment: &str, state: &str) -> bool {
    row(screen, app, environment).is_some_and(|row| row.contains(state))
}

#[test]
fn a_failing_rollout_is_found_reverted_pushed_and_heals_in_twelve_keys() {
    let sandbox = Sandbox::new();
    let mut screen = Pty::sealane(&sandbox, &["demo".as_ref()]);
    let home = screen.until("pay failing since a commit", |s| {
        is(s, "pay", "prod", "failing") && s.contains("since df45c35 by Ana Silva")
    });
    assert!(home.lines().any(|line| line.starts_with('▸') && line.contains("pay")), "it is selected\n{home}");
    let fleet = sandbox.demos()[0].join("fleet");
    let head = sandbox.git(&fleet, &["rev-parse", "HEAD"]);

    screen.press("h");
    let history = screen.shows("commits change this object");
    assert!(history.contains("▸ df45c35") && history.contains("image 2.3.0 → 2.4.1"), "{history}");
    screen.press("\r");
    screen.until("what the commit changed", |s| s.contains("pay:2.3.0") && s.contains("pay:2.4.1"));
    screen.press("v");
    let plan = screen.until("the rehearsed revert", |s| {
        s.contains("nothing written yet") && s.contains("Deployment pay  image 2.4.1 → 2.3.0")
    });
    assert!(plan.contains("1 change") && plan.contains("2 pods restart"), "{plan}");
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD"]), head, "nothing is written by rehearsing");

    screen.press("C");
    screen.shows("not pushed");
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD~1"]), head);
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "origin/main"]), head, "a commit is no push");
    screen.press("P");
    screen.shows("Type prod to agree");
    screen.type_text("prod");
    screen.press("\r");
    screen.shows("pushed 1 commit to origin/main");
    assert_ne!(sandbox.git(&fleet, &["ls-remote", "origin", "main"]).get(..40), head.get(..40));

    // One after the other: two at once are another key.
    for (gone, shown) in [("› plan", ""), ("› df45c35", "8 of 44 commits change"), ("› history", "apps")] {
        screen.press("\x1b");
        screen.until(shown, |s| !s.lines().next().is_some_and(|l| l.contains(gone)) && s.contains(shown));
    }
    screen.until("pay healthy, and who waited for it", |s| {
        is(s, "pay", "prod", "synced") && is(s, "checkout", "prod", "synced")
    });
    screen.shows("tour: pay is healthy again. Select cart in prod");
    assert!(screen.keys <= KEYS, "{} keys", screen.keys);
    assert_eq!(sandbox.git(&fleet, &["show", "-s", "--format=%s"]).trim(), "Revert \"pay: 2.4.1 in prod\"");

    screen.press("q");
    assert!(screen.ends().success());
    screen.given_back();
    assert_eq!(sandbox.demos(), Vec::<std::path::PathBuf>::new(), "the demo's folder goes with it");
}
