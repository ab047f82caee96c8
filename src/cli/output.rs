//! Text and JSON on standard output.

use super::arguments::Output;
use crate::model::{Problem, Severity};
use crate::workspace::{AppState, Exposed, FieldChange, Next};
use serde::Serialize;
use std::io::{self, Write};

/// Where a command prints.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
    format: Output,
    colour: bool,
}

/// What a piece of text is; colours are chosen from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Plain,
    Muted,
    Good,
    Notice,
    Bad,
    Strong,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, format: Output, colour: bool) -> Self {
        Self { out, format, colour }
    }

    pub(super) fn is_text(&self) -> bool {
        self.format == Output::Text
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Output::Json
    }

    pub(super) fn is_sarif(&self) -> bool {
        self.format == Output::Sarif
    }

    /// One line of text; nothing when something for programs was asked for.
    pub(super) fn line(&mut self, parts: &[(Label, &str)]) -> io::Result<()> {
        if self.format != Output::Text {
            return Ok(());
        }
        for (label, text) in parts {
            match self.code(*label) {
                Some(code) => write!(self.out, "\u{1b}[{code}m{text}\u{1b}[0m")?,
                None => self.out.write_all(text.as_bytes())?,
            }
        }
        self.out.write_all(b"\n")
    }

    /// Text as it is, in either format.
    pub(super) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// The JSON answer; nothing is made or printed when text was asked for.
    pub(super) fn json<T: Serialize>(&mut self, value: impl FnOnce() -> T) -> io::Result<()> {
        if !self.is_json() {
            return Ok(());
        }
        serde_json::to_writer_pretty(&mut *self.out, &value())?;
        self.out.write_all(b"\n")
    }

    /// The SARIF answer; nothing when something else was asked for.
    pub(super) fn sarif(&mut self, log: &serde_json::Value) -> io::Result<()> {
        if !self.is_sarif() {
            return Ok(());
        }
        serde_json::to_writer_pretty(&mut *self.out, log)?;
        self.out.write_all(b"\n")
    }

    /// Sends on what waits to be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn code(&self, label: Label) -> Option<&'static str> {
        let code = match label {
            Label::Plain => return None,
            Label::Muted => "90",
            Label::Good => "32",
            Label::Notice => "33",
            Label::Bad => "31",
            Label::Strong => "1",
        };
        self.colour.then_some(code)
    }
}

/// A problem as JSON.
pub(super) fn problem(problem: &Problem) -> serde_json::Value {
    serde_json::json!({
        "reason": problem.reason.code(),
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "place": problem.place.as_ref().map(ToString::to_string),
        "cause": problem.cause,
        "next": problem.next,
    })
}

/// A finding of the firewall as JSON.
pub(super) fn exposed(exposed: &Exposed) -> serde_json::Value {
    let mut told = problem(&exposed.problem);
    told["kind"] = exposed.kind.code().into();
    if !exposed.steps.is_empty() {
        told["steps"] = exposed.steps.clone().into();
    }
    if let Some(digest) = &exposed.digest {
        told["digest"] = digest.as_str().into();
    }
    told
}

/// The next step in the verbs of the command line.
pub(super) fn next(next: &Next) -> String {
    match next {
        Next::Nothing => String::new(),
        Next::Revert(commit) => {
            let id = commit.id.short();
            format!("`sealane revert {id}` rehearses the revert of \"{}\"", commit.subject)
        }
        Next::Objects => "the screen (`sealane`) shows its objects and their logs".to_owned(),
        Next::BothSides => {
            "`sealane diff --live` shows both sides; declare it in git or let the controller undo it"
                .to_owned()
        }
        Next::Object => "`sealane diff --live` shows the object".to_owned(),
        Next::Keys => "`sealane seal FILE --set KEY` sets one".to_owned(),
        Next::FromLive(live) => format!("`sealane seal FILE --from-live {live}` seals it into a file"),
        Next::Words(words) => words.clone(),
    }
}

/// The sign, label and word of an app's state.
pub(super) fn state(state: AppState) -> (&'static str, Label, &'static str) {
    match state {
        AppState::Failing => ("✗", Label::Bad, "failing"),
        AppState::Plaintext => ("!", Label::Bad, "plaintext"),
        AppState::Conflict => ("≠", Label::Notice, "conflict"),
        AppState::Drifted => ("≠", Label::Notice, "drifted"),
        AppState::Waiting => ("?", Label::Notice, "waiting"),
        AppState::Differs => ("≠", Label::Notice, "differs"),
        AppState::Undeclared => ("∅", Label::Notice, "undeclared"),
        AppState::Pending => ("+", Label::Notice, "pending"),
        AppState::Progressing => ("↻", Label::Plain, "progressing"),
        AppState::Suspended => ("‖", Label::Notice, "suspended"),
        AppState::NotRendered => ("?", Label::Notice, "not rendered"),
        AppState::Unknown => ("?", Label::Muted, "unknown"),
        AppState::Synced => ("✓", Label::Muted, "synced"),
    }
}

/// A changed field as JSON.
pub(super) fn change(change: &FieldChange) -> serde_json::Value {
    serde_json::json!({
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "place": change.place.as_ref().map(ToString::to_string),
    })
}

/// `1 object`, `3 objects`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A day, for lists: `2026-11-17`.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |t| t.strftime("%Y-%m-%d").to_string())
}
