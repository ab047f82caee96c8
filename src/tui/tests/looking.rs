//! The fixture in a real terminal, for eyes: `cargo test --lib looking -- --ignored --nocapture`.
//!
//! `SEALANE_LOOK` chooses: `light`, `plain`, `sixteen`, `ascii`, `tour`, `quiet`, `reading`, `offline`, `empty`, `unread`.

use super::super::effect::Back;
use super::super::state::State;
use super::super::{Stalls, TourStep, Wires, live, terminal};
use super::*;
use crate::tui::glyph::ASCII;
use tokio::sync::{mpsc, watch};

#[test]
#[ignore = "needs a terminal and a person"]
fn the_fixture_in_a_terminal() {
    let chosen = std::env::var("SEALANE_LOOK").unwrap_or_default();
    let has = |word: &str| chosen.split(',').any(|w| w == word);
    let colours = match () {
        () if has("light") => Colours::Light,
        () if has("plain") => Colours::Plain,
        () if has("sixteen") => Colours::Sixteen,
        () => Colours::Dark,
    };
    let snapshot = match () {
        () if has("quiet") => fixture::quiet(),
        () if has("reading") => fixture::reading(),
        () if has("offline") => fixture::offline(),
        () if has("empty") => fixture::empty(),
        () if has("unread") => fixture::unread(),
        () => fixture::snapshot(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (crash, crashes) = mpsc::unbounded_channel();
        let mut surface = terminal::Surface::enter(crash, true).expect("a terminal");
        let (send, back) = mpsc::channel::<Back>(64);
        let (_keep, snapshots) = watch::channel(Arc::new(snapshot));
        let text = "Something fails in prod. Press v on it to see what its revert would do.   T hides this";
        let (_tour, tour) =
            watch::channel(TourStep { text: text.into(), in_plan: None, key_to_hide: Some('T') });
        let first = snapshots.borrow().clone();
        let glyphs = if has("ascii") { ASCII } else { UNICODE };
        let mut state = State::new(first, look(colours, glyphs), surface.size(), NOW);
        state.editor = std::env::var("EDITOR").into_iter().collect();
        let mut wires = Wires {
            snapshots,
            back,
            crashes,
            tour: has("tour").then_some(tour),
            signals: terminal::signals().expect("signals"),
            hands: fixture::Hands(send),
            wall: || NOW,
            cpu: terminal::thread_time,
            stalls: Stalls::default(),
        };
        let ended = live(state, &mut surface, &mut wires).await;
        drop(surface);
        assert!(ended.is_ok());
    });
}
