//! The keyboard while a secret is typed: read by us into buffers that are wiped, since crossterm keeps what it read.

use crate::secret::SecretText;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures::stream::{self, BoxStream, StreamExt as _};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{self, PipeWriter};
use tokio::sync::mpsc;

/// Bytes taken in one read.
const BUFFER: usize = 4_096;
/// The most that a paste may hold: what is longer is no secret value of Kubernetes, which ends at 1 MiB.
const PASTE: usize = 1 << 20;
const ESCAPE: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Keys and pastes, until the terminal is gone.
pub(crate) fn events() -> io::Result<BoxStream<'static, Event>> {
    let reader = Reader {
        watch: Watch::start()?,
        bytes: SecretText::with_capacity(BUFFER),
        pasted: None,
        ready: VecDeque::new(),
    };
    Ok(stream::unfold(reader, |mut reader| async { reader.next().await.map(|event| (event, reader)) })
        .boxed())
}

/// A thread that tells when there is something to read. It reads nothing itself, so that nothing is lost with it.
struct Watch {
    ready: mpsc::Receiver<()>,
    again: std::sync::mpsc::Sender<()>,
    /// Closing it ends the thread.
    _open: PipeWriter,
}

impl Watch {
    fn start() -> io::Result<Self> {
        let (closed, open) = io::pipe()?;
        let (tell, ready) = mpsc::channel(1);
        let (again, read) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("secret input".into()).spawn(move || {
            let stdin = rustix::stdio::stdin();
            loop {
                let mut polled = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&closed, PollFlags::IN)];
                match poll(&mut polled, None) {
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(_) => return,
                    Ok(_) if !polled[1].revents().is_empty() => return,
                    Ok(_) => {}
                }
                if tell.blocking_send(()).is_err() || read.recv().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { ready, again, _open: open })
    }
}

struct Reader {
    watch: Watch,
    /// Read, and not understood yet.
    bytes: SecretText,
    /// What was pasted so far, while a paste goes on.
    pasted: Option<SecretText>,
    ready: VecDeque<Event>,
}

impl Reader {
    /// `None` at the end of input.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.watch.ready.recv().await?;
            self.read().ok().filter(|going| *going)?;
            self.watch.again.send(()).ok()?;
        }
    }

    /// Reads all that is there; false at the end of input.
    fn read(&mut self) -> io::Result<bool> {
        let stdin = rustix::stdio::stdin();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // The terminal blocks, and it stays as it is: whoever shares it would see it changed.
        while poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&now))? > 0 {
            let mut buffer = zeroize::Zeroizing::new([0; BUFFER]);
            let length = rustix::io::read(stdin, &mut buffer[..])?;
            if length == 0 {
                return Ok(false);
            }
            self.bytes.push(&buffer[..length]);
        }
        understand(&mut self.bytes, &mut self.pasted, &mut self.ready);
        Ok(true)
    }
}

/// Takes whole keys and pastes from the front of the bytes; what is incomplete stays.
fn understand(bytes: &mut SecretText, pasted: &mut Option<SecretText>, ready: &mut VecDeque<Event>) {
    let all = bytes.expose_secret();
    let mut at = 0;
    while at < all.len() {
        let rest = &all[at..];
        at += if let Some(text) = pasted {
            let end = rest.windows(PASTE_ENDS.len()).position(|window| window == PASTE_ENDS);
            // The last bytes may be the begin of the end.
            let taken = end.unwrap_or(rest.len().saturating_sub(PASTE_ENDS.len() - 1));
            if text.expose_secret().len() + taken <= PASTE {
                text.push(&rest[..taken]);
            }
            if end.is_none() {
                at += taken;
                break;
            }
            ready.extend(
                pasted.take().and_then(|text| text.expose_secret_str().map(|t| Event::Paste(t.into()))),
            );
            taken + PASTE_ENDS.len()
        } else if rest.starts_with(PASTE_BEGINS) {
            *pasted = Some(SecretText::with_capacity(BUFFER));
            PASTE_BEGINS.len()
        } else {
            let Some((length, event)) = key(rest) else { break };
            ready.extend(event);
            length
        };
    }
    let mut left = SecretText::with_capacity(BUFFER);
    left.push(&all[at..]);
    // The old buffer is wiped as it goes.
    *bytes = left;
}

/// The first key: its length in bytes, and what it is, if it is anything here. `None` if more must come.
fn key(bytes: &[u8]) -> Option<(usize, Option<Event>)> {
    let plain = |code| Some(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    match *bytes {
        [ESCAPE] => Some((1, plain(KeyCode::Esc))),
        // A key that moves, a click, an answer: a control sequence (ECMA-48 5.4) ends with a byte from `@` to `~`.
        [ESCAPE, b'[', ..] => {
            let end = bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte))?;
            // The old protocol of the mouse has three bytes more.
            let old_mouse = bytes[2] == b'M';
            Some((if old_mouse { bytes.len().min(6) } else { end + 3 }, None))
        }
        // A command for the terminal, or its answer, ends with BEL or ESC \.
        [ESCAPE, b']' | b'P', ..] => {
            let ends = |at: usize| bytes[at] == 7 || bytes[at..].starts_with(b"\x1b\\");
            let end = (2..bytes.len()).find(|at| ends(*at))?;
            Some((end + if bytes[end] == 7 { 1 } else { 2 }, None))
        }
        [ESCAPE, b'O', ..] => Some((bytes.len().min(3), None)),
        // With alt it is no letter; two escapes are one, and the second is looked at again.
        [ESCAPE, second, ..] => Some(if second == ESCAPE { (1, plain(KeyCode::Esc)) } else { (2, None) }),
        [b'\r' | b'\n', ..] => Some((1, plain(KeyCode::Enter))),
        [0x7f | 0x08, ..] => Some((1, plain(KeyCode::Backspace))),
        [b'\t', ..] => Some((1, plain(KeyCode::Tab))),
        [byte @ 1..=26, ..] => {
            let letter = char::from(byte - 1 + b'a');
            Some((1, Some(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)))))
        }
        [0..=31, ..] => Some((1, None)),
        [first, ..] => {
            let length = match first {
                0..0x80 => 1,
                0xc0..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0.. => 4,
                // In the middle of a letter: it is skipped.
                _ => return Some((1, None)),
            };
            let letter = bytes.get(..length)?;
            let letter = std::str::from_utf8(letter).ok().and_then(|text| text.chars().next());
            Some((if letter.is_some() { length } else { 1 }, letter.and_then(|l| plain(KeyCode::Char(l)))))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bytes mean when they come in these pieces.
    fn heard(pieces: &[&[u8]]) -> (Vec<String>, usize) {
        let (mut bytes, mut pasted, mut ready) = (SecretText::with_capacity(8), None, VecDeque::new());
        for piece in pieces {
            bytes.push(piece);
            understand(&mut bytes, &mut pasted, &mut ready);
        }
        let named = ready.iter().map(|event| match event {
            Event::Paste(text) => format!("paste {text}"),
            Event::Key(key) if key.modifiers.is_empty() => format!("{}", key.code),
            Event::Key(key) => format!("{} {}", key.modifiers, key.code),
            other => format!("{other:?}"),
        });
        (named.collect(), bytes.expose_secret().len())
    }

    #[test]
    fn keys_are_told_apart() {
        for (bytes, wanted) in [
            (&b"aZ \xc3\xa9\xf0\x9f\x94\x91"[..], &["a", "Z", "Space", "é", "🔑"][..]),
            (b"\r\x7f\x08\x1b", &["Enter", "Backspace", "Backspace", "Esc"]),
            (b"\x03\x1a\x0c", &["Control c", "Control z", "Control l"]),
            (b"\x1b[A\x1b[1;5C\x1bOP\x1b[<0;10;5Mx", &["x"]),
            (b"\x1b[I\x1b[Oy\x1bqz", &["y", "z"]),
            (b"\x1b]11;rgb:1/2/3\x1b\\a\x1b]11;rgb:1/2/3\x07b", &["a", "b"]),
            (b"\x1b[M !!q", &["q"]),
            (b"\x1b\x1b", &["Esc", "Esc"]),
            (b"\xff\x80a\0b", &["a", "b"]),
        ] {
            let named: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
            assert_eq!(heard(&[bytes]), (named, 0), "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_is_one_event_however_it_comes() {
        let whole = b"\x1b[200~pass\r\nword \x1b[31m\x1b[201~q";
        let wanted = (vec!["paste pass\r\nword \u{1b}[31m".to_owned(), "q".to_owned()], 0);
        assert_eq!(heard(&[whole]), wanted);
        // Cut at the start, an escape alone would be the key; a terminal writes its marks whole.
        for cut in 6..whole.len() {
            assert_eq!(heard(&[&whole[..cut], &whole[cut..]]), wanted, "cut at {cut}");
        }
        assert_eq!(heard(&[b"\x1b[200~not ended"]).0, [""; 0]);
    }

    #[test]
    fn a_letter_cut_in_two_is_one_letter() {
        assert_eq!(heard(&[b"\xc3", b"\xa9"]), (vec!["é".to_owned()], 0));
        assert_eq!(heard(&[b"\x1b[", b"Ax"]), (vec!["x".to_owned()], 0));
    }
}
