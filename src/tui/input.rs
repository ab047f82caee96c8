//! What the terminal sends becomes messages; late answers of the terminal are no keys.

use super::state::Message;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEventKind};

/// The message of an event; `None` if it means nothing here.
pub(crate) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => Some(Message::Key(key)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(width, height) => Some(Message::Resize { width, height }),
        Event::Mouse(mouse) if !matches!(mouse.kind, MouseEventKind::Moved) => Some(Message::Mouse(mouse)),
        Event::Mouse(_) | Event::FocusGained | Event::FocusLost => None,
    }
}

/// Swallows the answer to the question for the background colour when it comes after we stopped waiting.
/// Crossterm reads it as `alt-]` followed by the answer's letters, which would be keys to us.
#[derive(Debug, Default)]
pub(crate) struct Late {
    swallowing: usize,
}

/// An answer is shorter than this; more than that is no answer.
const LONGEST: usize = 48;

impl Late {
    /// True if the event is part of a late answer.
    pub(crate) fn takes(&mut self, event: &Event) -> bool {
        let Event::Key(KeyEvent { code, modifiers, .. }) = event else {
            return false;
        };
        let alt = modifiers.contains(KeyModifiers::ALT);
        match (self.swallowing, code) {
            (0, KeyCode::Char(']')) if alt => self.swallowing = 1,
            (0, _) => return false,
            // ESC \ or BEL ends it.
            (_, KeyCode::Char('\\')) if alt => self.swallowing = 0,
            (_, KeyCode::Char('g')) if modifiers.contains(KeyModifiers::CONTROL) => self.swallowing = 0,
            (count, KeyCode::Char(letter))
                if count < LONGEST && "0123456789;rgb:/abcdefABCDEF?".contains(*letter) =>
            {
                self.swallowing += 1;
            }
            _ => {
                self.swallowing = 0;
                return false;
            }
        }
        true
    }
}

/// True if the answer names a light colour; `None` if it is no answer.
/// The form is `ESC ] 11 ; rgb:RRRR/GGGG/BBBB` (xterm's "ctlseqs", OSC 10 to 19).
pub(crate) fn is_light(answer: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(answer);
    let at = text.find("]11;rgb:")? + "]11;rgb:".len();
    let parts: Vec<f64> = text[at..]
        .split(|c: char| c != '/' && !c.is_ascii_hexdigit())
        .next()?
        .split('/')
        .filter_map(|part| {
            let digits = i32::try_from(part.len()).ok().filter(|n| (1..=4).contains(n))?;
            let most = 16_f64.powi(digits) - 1.0;
            u32::from_str_radix(part, 16).ok().map(|value| f64::from(value) / most)
        })
        .collect();
    let [r, g, b] = parts.as_slice() else {
        return None;
    };
    Some(0.2126 * r + 0.7152 * g + 0.0722 * b > 0.5)
}

/// Keys that were typed while the terminal was asked: what is no part of its answer.
pub(crate) fn typed_meanwhile(bytes: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(bytes);
    let front = text.find('\u{1b}').map_or(&*text, |at| &text[..at]);
    let back = match (text.rfind('\u{7}'), text.rfind("\u{1b}\\")) {
        (Some(bell), _) => &text[bell + 1..],
        (None, Some(end)) => &text[end + 2..],
        (None, None) => "",
    };
    front
        .chars()
        .chain(back.chars())
        .filter_map(|letter| match letter {
            '\r' => Some(KeyCode::Enter),
            letter if !letter.is_control() => Some(KeyCode::Char(letter)),
            _ => None,
        })
        .map(|code| Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers))
    }

    #[test]
    fn answers_tell_light_from_dark() {
        for (answer, light) in [
            ("\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\", Some(true)),
            ("\u{1b}]11;rgb:1d1d/1f1f/2121\u{7}", Some(false)),
            ("\u{1b}]11;rgb:fd/f6/e3\u{7}", Some(true)),
            ("\u{1b}]11;rgb:fd/f6\u{7}", None),
            ("\u{1b}]11;?\u{7}", None),
            ("", None),
            ("\u{1b}]11;rgb:ffffffff/0/0\u{7}", None),
        ] {
            assert_eq!(is_light(answer.as_bytes()), light, "{answer:?}");
        }
    }

    #[test]
    fn a_late_answer_is_no_keys() {
        let mut late = Late::default();
        assert!(late.takes(&key(']', KeyModifiers::ALT)));
        for letter in "11;rgb:ffff/ffff/ffff".chars() {
            assert!(late.takes(&key(letter, KeyModifiers::NONE)));
        }
        assert!(late.takes(&key('\\', KeyModifiers::ALT)));
        assert!(!late.takes(&key('1', KeyModifiers::NONE)));
    }

    #[test]
    fn other_keys_end_the_swallowing() {
        let mut late = Late::default();
        assert!(late.takes(&key(']', KeyModifiers::ALT)));
        assert!(!late.takes(&key('q', KeyModifiers::NONE)));
        assert!(!late.takes(&key('1', KeyModifiers::NONE)));
    }

    #[test]
    fn keys_typed_meanwhile_are_kept() {
        let keys = typed_meanwhile(b"jd\x1b]11;rgb:ff/ff/ff\x07q");
        let letters: Vec<KeyCode> = keys.iter().filter_map(Event::as_key_event).map(|k| k.code).collect();
        assert_eq!(letters, [KeyCode::Char('j'), KeyCode::Char('d'), KeyCode::Char('q')]);
    }
}
