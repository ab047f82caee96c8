//! The stall detector: which turns of the loop took too much CPU time, noted for whoever asks with `SEALANE_STALLS`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// What one turn of the loop may take: CPU time of its thread, so that a busy machine stalls nobody.
pub(crate) const LIMIT: Duration = Duration::from_millis(8);

/// What is known of the turns so far. Without a file nothing is written.
#[derive(Default)]
pub(crate) struct Stalls {
    file: Option<File>,
    turns: u64,
    worst: Duration,
    slowest: &'static str,
}

impl Stalls {
    /// Notes into a new file at `path`, if there is one.
    pub(crate) fn into_file(path: Option<&Path>) -> io::Result<Self> {
        Ok(Self { file: path.map(File::create).transpose()?, ..Self::default() })
    }

    /// A turn ended that `what` had begun. A line for each that was too long: `stall 9.120 ms snapshot`.
    pub(crate) fn turn(&mut self, took: Duration, what: &'static str) {
        self.turns += 1;
        if took > self.worst {
            (self.worst, self.slowest) = (took, what);
        }
        if took > LIMIT {
            self.line(&format!("stall {} {what}", millis(took)));
        }
    }

    /// The loop ended: `worst 1.020 ms snapshot, 812 turns, 400 frames`.
    pub(crate) fn end(&mut self, frames: u64) {
        let (worst, slowest, turns) = (millis(self.worst), self.slowest, self.turns);
        self.line(&format!("worst {worst} {slowest}, {turns} turns, {frames} frames"));
    }

    fn line(&mut self, line: &str) {
        if let Some(file) = &mut self.file {
            // A disk that is full takes nothing from the person at the screen.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn millis(took: Duration) -> String {
    format!("{}.{:03} ms", took.as_millis(), took.subsec_micros() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_turns_are_noted_as_they_happen_and_the_worst_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("stalls");
        let mut stalls = Stalls::into_file(Some(&file)).expect("a file");
        stalls.turn(Duration::from_micros(7_999), "key");
        stalls.turn(Duration::from_micros(9_120), "snapshot");
        let text = std::fs::read_to_string(&file).expect("it is there");
        assert_eq!(text, "stall 9.120 ms snapshot\n");
        stalls.end(2);
        let text = std::fs::read_to_string(&file).expect("it is there");
        assert_eq!(text, "stall 9.120 ms snapshot\nworst 9.120 ms snapshot, 2 turns, 2 frames\n");
    }

    #[test]
    fn without_a_file_nothing_is_written() {
        let mut stalls = Stalls::into_file(None).expect("nothing to open");
        stalls.turn(Duration::from_secs(1), "key");
        stalls.end(1);
    }
}
