//! Stories over the whole screen: keys in, frames and effects out.

use super::canvas::Look;
use super::draw;
use super::effect::{Effect, Errand, Reply, Slot};
use super::fixture;
use super::glyph::{Glyphs, UNICODE};
use super::state::{Message, State};
use super::theme::{Colours, Theme, label_of};
use super::update::update;
use crate::workspace::Snapshot;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::sync::Arc;

const NOW: u64 = fixture::NOW.unsigned_abs() * 1_000;

fn look(colours: Colours, glyphs: Glyphs) -> Look {
    Look { theme: Theme::new(colours), glyphs }
}

/// A screen that answers its own questions from the fixture.
struct Desk {
    state: State,
    errands: Vec<Errand>,
    pushed: usize,
}

impl Desk {
    fn new(snapshot: Snapshot, width: u16, height: u16) -> Self {
        let look = look(Colours::Dark, UNICODE);
        let state = State::new(Arc::new(snapshot), look, (width, height), NOW);
        Self { state, errands: vec![], pushed: 0 }
    }

    fn send(&mut self, message: Message) {
        let mut queue = update(&mut self.state, message);
        while !queue.is_empty() {
            for effect in std::mem::take(&mut queue) {
                let reply = match effect {
                    Effect::Ask { generation, question } => {
                        Reply { slot: question.slot(), generation, answer: fixture::answer(question) }
                    }
                    Effect::Do { generation, deed } => {
                        self.pushed += usize::from(matches!(deed, super::effect::Deed::Push));
                        Reply { slot: Slot::Write, generation, answer: fixture::done(deed) }
                    }
                    Effect::Errand(errand) => {
                        self.errands.push(errand);
                        continue;
                    }
                    _ => continue,
                };
                queue.extend(update(&mut self.state, Message::Reply(reply)));
            }
        }
    }

    /// Types keys: letters as they are, `<enter>`, `<esc>`, `<tab>`, `<down>`, `<c-s>` by name.
    fn keys(&mut self, keys: &str) -> &mut Self {
        let mut rest = keys;
        while let Some(letter) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
            let (event, after) = match named {
                Some((name, after)) => (named_key(name), after),
                None => (press(KeyCode::Char(letter), KeyModifiers::NONE), &rest[letter.len_utf8()..]),
            };
            rest = after;
            self.send(Message::Key(event));
        }
        self
    }

    fn buffer(&self) -> Buffer {
        let (width, height) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        terminal.draw(|frame| draw::draw(&self.state, frame)).expect("a frame").buffer.clone()
    }

    fn text(&self) -> String {
        text_of(&self.buffer())
    }
}

fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
    KeyEvent::new(code, modifiers)
}

fn named_key(name: &str) -> KeyEvent {
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "space" => KeyCode::Char(' '),
        "bs" => KeyCode::Backspace,
        other => {
            let letter = other.strip_prefix("c-").and_then(|l| l.chars().next()).expect("a key's name");
            return press(KeyCode::Char(letter), KeyModifiers::CONTROL);
        }
    };
    press(code, KeyModifiers::NONE)
}

fn text_of(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    rows.fold(String::new(), |text, row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text + line.trim_end() + "\n"
    })
}

/// Text, and below it the runs of labels: `3:0-9 Bad bold`.
fn picture(desk: &Desk) -> String {
    let buffer = desk.buffer();
    let theme = desk.state.look.theme;
    let width = usize::from(buffer.area.width);
    let mut legend = String::new();
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let style = row[x].style();
            let mut end = x;
            while end + 1 < width && row[end + 1].style() == style {
                end += 1;
            }
            let label = label_of(theme, style);
            let blank = row[x..=end].iter().all(|c| c.symbol() == " ");
            let plain =
                matches!(label, None | Some(super::theme::Label::Text)) && style.add_modifier.is_empty();
            if !blank && !plain {
                let label = label.map_or_else(String::new, |l| format!("{l:?}"));
                let more = format!("{:?}", style.add_modifier).to_lowercase().replace("none", "");
                legend += &format!("{y}:{x}-{end} {label} {more}\n").replace(" \n", "\n").replace("  ", " ");
            }
            x = end + 1;
        }
    }
    format!("{}---\n{legend}", text_of(&buffer))
}

mod looking;
mod pictures;
mod sealing;
mod stories;
