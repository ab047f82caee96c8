//! What people do, from key to effect.

use super::super::effect::{Answer, Back, Carry, Question};
use super::super::state::Ending;
use super::super::{Error, Face, Signal, Stalls, TourStep, Wires, live};
use super::*;
use crate::config::{ThemeChoice, UserConfig};
use crate::tui::glyph::ASCII;
use crate::workspace::{AppState, Work};
use crossterm::event::{Event, MouseButton, MouseEvent, MouseEventKind};
use futures::stream::{BoxStream, StreamExt as _};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

fn desk() -> Desk {
    Desk::new(fixture::snapshot(), 120, 36)
}

fn lines(desk: &Desk) -> Vec<String> {
    desk.text().lines().map(str::to_owned).collect()
}

#[test]
fn a_failing_rollout_is_reverted_and_pushed_in_few_keys() {
    let mut desk = desk();
    // Three keys, the name of the protected environment, and enter.
    desk.keys("v");
    assert!(desk.text().contains("nothing written yet"));
    desk.keys("C");
    assert!(desk.text().contains("committed a1b2c3d to main, not pushed"));
    desk.keys("P");
    assert!(desk.text().contains("Push 3 commits to origin/main? dev, staging and prod deploy"));
    assert_eq!(desk.pushed, 0);
    desk.keys("pro<enter>");
    assert_eq!(desk.pushed, 0, "a wrong name pushes nothing");
    desk.keys("d<enter>");
    assert_eq!(desk.pushed, 1);
    assert!(desk.text().contains("pushed 1 commit to origin/main"));
}

#[test]
fn a_plan_that_is_dropped_writes_nothing() {
    let mut desk = desk();
    desk.keys("vx");
    assert!(desk.text().contains("dropped; nothing was written"));
    assert!(lines(&desk)[0].contains("sealane"));
}

#[test]
fn a_refused_revert_offers_the_later_commits_too() {
    let mut desk = desk();
    desk.keys(":commits<enter>jjjjv");
    let text = desk.text();
    assert!(text.contains("changed again at the same lines") && text.contains("9b1e07a"));
    assert!(text.contains("revert those too…"));
    desk.keys("v");
    assert!(desk.text().contains("nothing written yet"));
}

#[test]
fn a_finding_forbids_committing() {
    let mut desk = desk();
    desk.keys("v");
    let mut plan = fixture::plan();
    let cause = "key token of Secret api would stand in git in the clear";
    plan.findings = vec![crate::model::Problem::error(crate::model::Reason::Plaintext, cause)];
    let mut screen = crate::tui::screen::plan::PlanScreen::moved(&[], plan);
    crate::tui::screen::tests::with_facts(|facts| {
        use crate::tui::screen::Screen as _;
        let steps = screen.act(crate::tui::keymap::Action::Commit, facts);
        assert!(!screen.can(crate::tui::keymap::Action::Commit, facts));
        assert!(matches!(steps.as_slice(), [crate::tui::screen::Step::Say(_, text)] if text.contains(cause)));
    });
}

#[test]
fn a_typed_secret_is_never_on_screen() {
    let mut desk = desk();
    desk.keys(":secrets: all<enter>j<enter>j<enter>");
    for letter in fixture::CANARY.chars() {
        desk.keys(&letter.to_string());
        assert!(!desk.text().contains(&fixture::CANARY[..4]));
    }
    desk.keys("<enter>");
    assert!(desk.text().contains("will change"));
    desk.keys("<c-s>");
    let text = desk.text();
    assert!(text.contains("nothing written yet") && !text.contains(fixture::CANARY));
    desk.keys("<esc>");
    assert!(!desk.text().contains("will change"), "the value has left the form");
}

#[test]
fn a_pasted_secret_is_masked_too() {
    let mut desk = desk();
    desk.keys(":secrets: all<enter>j<enter>j<enter>");
    desk.send(Message::Paste(format!("{}\nsecond line", fixture::CANARY)));
    assert!(!desk.text().contains(fixture::CANARY) && desk.text().contains("•••••"));
}

#[test]
fn a_revealed_value_is_gone_after_ten_seconds() {
    let mut desk = desk();
    desk.keys(":secrets: all<enter>j<enter>jV");
    assert!(desk.text().contains(fixture::CANARY));
    desk.send(Message::Tick(NOW + 9_900));
    assert!(desk.text().contains(fixture::CANARY));
    desk.send(Message::Tick(NOW + 10_000));
    assert!(!desk.text().contains(fixture::CANARY));
}

#[test]
fn leaving_a_form_with_changes_asks_first() {
    let mut desk = desk();
    desk.keys(":secrets: all<enter>j<enter>x<esc>");
    assert!(desk.text().contains("Leave without sealing 1 changed key?"));
    desk.keys("<esc>");
    assert!(desk.text().contains("will go"));
    desk.keys("-");
    assert!(desk.text().contains("not sealed yet"));
    desk.keys("<esc><enter>");
    assert!(desk.text().contains("file or object"));
}

#[test]
fn pasted_text_reaches_no_letter_key() {
    let mut desk = desk();
    desk.send(Message::Paste("vCPq".into()));
    assert!(desk.state.ending.is_none() && lines(&desk)[2].contains("state"));
}

#[test]
fn q_goes_back_and_quits_at_home_and_esc_never_quits() {
    let mut desk = desk();
    desk.keys("jj<enter><enter>qq");
    assert!(desk.state.ending.is_none());
    desk.keys("<esc><esc><esc>");
    assert!(desk.state.ending.is_none());
    desk.keys("q");
    assert_eq!(desk.state.ending, Some(Ending::Quit));
}

#[test]
fn the_view_history_goes_back_and_forth() {
    let mut desk = desk();
    desk.keys("jj<enter>");
    assert!(desk.text().contains("declared in git"));
    desk.keys("h");
    assert!(desk.text().contains("history of cart"));
    desk.keys("[");
    assert!(desk.text().contains("declared in git"));
    desk.keys("]");
    assert!(desk.text().contains("history of cart"));
    desk.keys("-");
    assert!(desk.text().contains("declared in git"));
    desk.keys("-");
    assert!(desk.text().contains("history of cart"));
}

#[test]
fn a_filter_narrows_and_esc_takes_it_back() {
    let mut desk = desk();
    let count = |desk: &Desk| lines(desk).iter().filter(|l| l.contains("✓ synced")).count();
    assert_eq!(count(&desk), 16);
    desk.keys("/env:dev !web");
    assert_eq!(count(&desk), 5);
    desk.keys("<enter>");
    assert_eq!(count(&desk), 5);
    desk.keys("<esc>");
    assert_eq!(count(&desk), 16);
}

#[test]
fn a_counter_is_a_filter() {
    let mut desk = desk();
    desk.keys("3");
    assert!(lines(&desk)[3].contains("drifted") && lines(&desk)[4].trim().is_empty());
    desk.keys("3");
    assert!(lines(&desk)[3].contains("failing"));
    let click = |x, y| {
        Message::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: x,
            row: y,
            modifiers: KeyModifiers::NONE,
        })
    };
    let at = lines(&desk)[1].find("drifted").expect("the counter");
    desk.send(click(u16::try_from(at).expect("on screen"), 1));
    assert!(lines(&desk)[3].contains("drifted"));
}

#[test]
fn what_nobody_declares_is_found_by_name() {
    let mut desk = desk();
    desk.keys(":objects of prod<enter>");
    assert!(desk.text().contains("cart-hotfix  undeclared"));
    desk.keys("<esc>jj<enter>");
    assert!(!desk.text().contains("cart-hotfix"), "the namespace is shared: it is nobody's neighbour");
}

#[test]
fn clicks_and_the_wheel_move() {
    let mut desk = desk();
    let mouse =
        |kind, x, y| Message::Mouse(MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE });
    desk.send(mouse(MouseEventKind::ScrollDown, 5, 5));
    assert!(lines(&desk)[6].starts_with('▸'));
    desk.send(mouse(MouseEventKind::Down(MouseButton::Left), 5, 5));
    assert!(lines(&desk)[5].starts_with('▸'));
    desk.send(mouse(MouseEventKind::Down(MouseButton::Left), 5, 5));
    assert!(desk.text().contains("declared in git"), "a second click opens");
}

#[test]
fn a_late_answer_is_dropped() {
    let mut desk = desk();
    let id = fixture::object_id("prod", fixture::deployment("cart"));
    let effects = update(&mut desk.state, Message::Key(press(KeyCode::Char('d'), KeyModifiers::NONE)));
    let [Effect::Ask { generation, question: Question::Details(asked) }] = effects.as_slice() else {
        panic!("details are asked for");
    };
    assert_eq!(asked.key, fixture::deployment("pay"));
    let stale = Reply {
        slot: Slot::Details,
        generation: generation - 1,
        answer: Answer::Details(Ok(Box::new(fixture::details(&id)))),
    };
    update(&mut desk.state, Message::Reply(stale));
    assert!(!desk.text().contains("spec.replicas"));
}

#[test]
fn a_spinner_turns_only_after_a_moment() {
    let mut desk = desk();
    update(&mut desk.state, Message::Key(press(KeyCode::Char('d'), KeyModifiers::NONE)));
    assert!(!desk.text().contains("reading the object"));
    update(&mut desk.state, Message::Tick(NOW + 300));
    assert!(desk.text().contains("reading the object"));
}

#[test]
fn rows_keep_still_under_the_cursor_and_sort_when_it_rests() {
    let mut desk = desk();
    desk.keys("jj");
    let mut after = fixture::snapshot();
    let mut apps: Vec<_> = after.apps.to_vec();
    apps.swap(0, 2);
    after.apps = apps.into();
    desk.send(Message::Snapshot(Arc::new(after)));
    assert!(lines(&desk)[3].contains("pay") && lines(&desk)[5].starts_with("▸ ≠ drifted"));
    desk.send(Message::Tick(NOW + 2_100));
    assert!(lines(&desk)[3].starts_with("▸ ≠ drifted"), "the selection follows its row");
}

#[test]
fn a_changed_cell_is_bold_for_a_moment() {
    use ratatui::style::Modifier;
    let mut desk = desk();
    let mut after = fixture::snapshot();
    let apps = after.apps.iter().map(|row| {
        let mut row = crate::workspace::AppRow::clone(row);
        if &*row.key.name == "kafka" && &*row.environment == "prod" {
            row.state = AppState::Synced;
        }
        Arc::new(row)
    });
    after.apps = apps.collect::<Vec<_>>().into();
    let bold = |desk: &Desk| {
        let row = lines(desk).iter().position(|l| l.contains("kafka") && l.contains("prod")).expect("kafka");
        desk.buffer()[(3, u16::try_from(row).expect("a row"))].modifier.contains(Modifier::BOLD)
    };
    assert!(!bold(&desk));
    desk.send(Message::Snapshot(Arc::new(after)));
    assert!(bold(&desk));
    desk.send(Message::Tick(NOW + 1_500));
    assert!(!bold(&desk));
}

#[test]
fn the_cluster_of_an_environment_is_asked_for_once() {
    let mut desk = Desk::new(fixture::unread(), 120, 36);
    desk.send(Message::Snapshot(Arc::new(fixture::reading())));
    assert!(desk.text().contains("Which cluster is prod?"));
    desk.keys("<esc>");
    desk.send(Message::Snapshot(Arc::new(fixture::reading())));
    assert!(!desk.text().contains("Which cluster is prod?"));
    assert!(desk.text().contains("no cluster"), "a row still says it");
}

#[test]
fn the_tour_is_hidden_by_its_key() {
    let mut desk = desk();
    let step = TourStep { text: "Press v on what fails.".into(), in_plan: None, key_to_hide: Some('T') };
    desk.send(Message::Tour(step));
    assert!(desk.text().contains("Press v on what fails."));
    desk.keys("T");
    assert!(!desk.text().contains("Press v on what fails."));
}

#[test]
fn the_editor_opens_at_the_line() {
    let mut desk = desk();
    desk.state.editor = vec!["vim".into(), "-u".into(), "NONE".into()];
    desk.keys("e");
    let file = "apps/pay/overlays/prod/kustomization.yaml";
    let arguments = ["-u", "NONE", "+14", file].map(str::to_owned).to_vec();
    assert_eq!(
        desk.errands,
        [Errand::Run { program: "vim".into(), arguments, folder: "/tmp".into(), temporary: None }]
    );
}

#[test]
fn names_are_copied_and_never_values() {
    let mut desk = desk();
    desk.keys(":secrets: all<enter>j<enter>jVc");
    assert!(desk.text().contains("copied password"));
}

#[test]
fn every_size_is_drawn_without_a_panic() {
    let keys = ["", "jj<enter>", "jjd", "h", "v", ":secrets: all<enter>", "?", ":cart", "jjl", "vCP"];
    for keys in keys {
        let mut desk = desk();
        desk.keys(keys);
        for width in (0..=200).step_by(23).chain([1, 2, 3, 79, 80, 99, 100, 139, 140]) {
            for height in (0..=60).step_by(7).chain([1, 2, 3, 23, 24, 29, 30]) {
                desk.send(Message::Resize { width, height });
                desk.text();
            }
        }
    }
}

#[test]
fn a_repository_that_cannot_be_read_is_said_and_no_spinner_turns() {
    let cause = "the object store is damaged";
    let mut snapshot = fixture::unread();
    snapshot.problems = vec![crate::model::Problem::error(crate::model::Reason::Repository, cause)].into();
    let mut desk = Desk::new(snapshot, 120, 36);
    desk.send(Message::Tick(NOW + 5_000));
    assert!(desk.text().contains(cause), "{}", desk.text());
    assert!(desk.state.alarm().is_some_and(|alarm| alarm >= desk.state.now + 1_000), "it rests");
}

#[test]
fn keys_on_a_screen_that_is_too_small_break_nothing() {
    let mut desk = Desk::new(fixture::snapshot(), 1, 1);
    desk.keys("jjd<tab><tab>jjGg<esc>h<enter>v<enter><tab>jjC<esc>:x<esc>/y<esc>?jj<esc>");
    for (width, height) in [(0, 0), (5, 2), (80, 24)] {
        desk.send(Message::Resize { width, height });
        desk.text();
    }
}

#[test]
fn a_small_terminal_is_told_the_size() {
    let desk = Desk::new(fixture::snapshot(), 60, 20);
    assert!(desk.text().contains("80 columns and 24 lines") && desk.text().contains("60 and 20"));
}

#[test]
fn ascii_draws_ascii_and_no_colour_draws_none() {
    for keys in ["", "jj<enter>", "jjd", "v", ":cart", "?", ":secrets: all<enter>j<enter>j<enter>ab"] {
        let mut desk = desk();
        desk.state.look = look(Colours::Plain, ASCII);
        desk.keys(keys);
        let buffer = desk.buffer();
        for cell in &buffer.content {
            assert!(cell.symbol().is_ascii(), "{:?} after {keys}", cell.symbol());
            let reset = ratatui::style::Color::Reset;
            assert_eq!((cell.fg, cell.bg), (reset, reset));
        }
    }
}

#[test]
fn many_rows_are_drawn_in_little_time() {
    let mut snapshot = fixture::snapshot();
    let mut apps = vec![];
    for number in 0..10_000 {
        let mut row = crate::workspace::AppRow::clone(&snapshot.apps[number % 20]);
        row.key = fixture::app_key(&format!("app-{number:05}"));
        apps.push(Arc::new(row));
    }
    snapshot.apps = apps.into();
    snapshot.work = vec![Work { what: "rendering".into(), done: 1, total: 2 }].into();
    let mut desk = Desk::new(snapshot, 200, 50);
    let begun = crate::tui::terminal::thread_time();
    desk.keys("jjjG");
    let _ = desk.buffer();
    let turn = crate::tui::terminal::thread_time().saturating_sub(begun) / 4;
    // A debug build on a busy machine; release builds are measured by the benchmarks.
    assert!(turn < Duration::from_millis(400), "{turn:?}");
}

/// A face that draws into memory and hears a list of events.
struct Paper {
    terminal: Terminal<TestBackend>,
    events: Vec<Event>,
    frames: Vec<String>,
}

impl Face for Paper {
    fn draw(&mut self, state: &State) -> std::io::Result<()> {
        let frame = self.terminal.draw(|frame| draw::draw(state, frame)).expect("a frame");
        self.frames.push(text_of(frame.buffer));
        Ok(())
    }

    fn input(&mut self) -> BoxStream<'static, Event> {
        let events = std::mem::take(&mut self.events);
        futures::stream::iter(events)
            .then(|event| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                event
            })
            .boxed()
    }

    fn secret_input(&mut self) -> std::io::Result<BoxStream<'static, Event>> {
        Ok(self.input())
    }

    async fn errand(&mut self, _errand: Errand) -> std::io::Result<Option<String>> {
        Ok(None)
    }
}

async fn session(
    keys: &str,
    signals: BoxStream<'static, Signal>,
    crash: Option<&str>,
) -> (Result<State, Error>, Vec<String>) {
    let events = keys.chars().map(|k| Event::Key(press(KeyCode::Char(k), KeyModifiers::NONE))).collect();
    let terminal = Terminal::new(TestBackend::new(100, 30)).expect("a test terminal");
    let mut paper = Paper { terminal, events, frames: vec![] };
    let (send, back) = mpsc::channel::<Back>(16);
    let (_keep, snapshots) = watch::channel(Arc::new(fixture::snapshot()));
    let (died, crashes) = mpsc::unbounded_channel();
    if let Some(report) = crash {
        died.send(report.to_owned()).expect("a receiver");
    }
    let first = Arc::clone(&snapshots.borrow());
    let state = State::new(first, look(Colours::Dark, UNICODE), (100, 30), NOW);
    let mut wires = Wires {
        snapshots,
        back,
        crashes,
        tour: None,
        signals,
        hands: fixture::Hands(send),
        wall: || NOW,
        cpu: || Duration::ZERO,
        stalls: Stalls::default(),
    };
    let ended = live(state, &mut paper, &mut wires).await;
    (ended, paper.frames)
}

#[tokio::test]
async fn the_loop_answers_keys_and_ends_with_its_state() {
    let (state, frames) = session("jjdq", futures::stream::pending().boxed(), None).await;
    let state = state.expect("it ends");
    // The input is over before Home is left by a second q.
    assert_eq!(state.ending(), Some(&Ending::InputClosed));
    assert!(frames[0].contains("failing"), "the first frame stands before anything is asked");
    assert!(frames.iter().any(|f| f.contains("spec.replicas")));
}

#[tokio::test]
async fn a_signal_ends_the_loop_in_order() {
    let signals =
        futures::stream::once(async { Signal::Terminate }).chain(futures::stream::pending()).boxed();
    let (state, _) = session("", signals, None).await;
    assert_eq!(state.expect("it ends").ending(), Some(&Ending::Terminated));
}

#[tokio::test]
async fn a_thread_that_died_ends_the_loop_with_its_report() {
    let (state, _) = session("jj", futures::stream::pending().boxed(), Some("boom at x.rs:1")).await;
    let state = state.expect("it ends");
    assert_eq!(state.ending(), Some(&Ending::Crashed("boom at x.rs:1".into())));
}

#[tokio::test]
async fn hands_finish_what_they_began() {
    let (send, _back) = mpsc::channel(1);
    fixture::Hands(send).finish().await;
}

#[test]
fn options_follow_the_environment() {
    use crate::tui::Options;
    let detect = |pairs: &[(&str, &str)]| {
        Options::detect(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    assert_eq!(detect(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]).colours, Some(Colours::Plain));
    assert_eq!(detect(&[("TERM", "xterm")]).colours, Some(Colours::Sixteen));
    assert_eq!(detect(&[("COLORTERM", "24bit")]).colours, None);
    assert!(detect(&[("TERM", "linux")]).ascii);
    assert!(detect(&[("LC_ALL", "C")]).ascii);
    assert!(!detect(&[("LANG", "de_DE.UTF-8")]).ascii && !detect(&[]).ascii);
    let user = UserConfig { theme: ThemeChoice::Light, ascii: true, mouse: Some(false) };
    let wished = detect(&[("COLORTERM", "24bit")]).wished(&user);
    assert_eq!((wished.colours, wished.ascii, wished.mouse), (Some(Colours::Light), true, false));
    let plain = detect(&[("NO_COLOR", "1")]).wished(&user);
    assert_eq!(plain.colours, Some(Colours::Plain), "no colour stays no colour");
    assert_eq!(detect(&[("VISUAL", "code -w"), ("EDITOR", "vi")]).editor, ["code", "-w"]);
}
