//! Exit codes as one enum (decisions.md 6); the highest that applies wins.

use crate::model::{Problem, Reason, Severity};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing to report.
    #[default]
    Clean = 0,
    /// Differences or findings.
    Differences = 1,
    /// The command was not understood.
    Usage = 2,
    /// Something in scope could not be rendered or opened.
    Incomplete = 3,
    /// A cluster or a remote is out of reach.
    Unreachable = 4,
    /// A rule refused it.
    Refused = 5,
}

impl Exit {
    /// What a problem means for the exit code.
    pub fn of(problem: &Problem) -> Self {
        match (problem.severity, problem.reason) {
            // A note, or worth a warning and read all the same: clocks that differ, a kind that only names lead to.
            (Severity::Note, _) | (Severity::Warning, Reason::Cluster | Reason::Forbidden) => Self::Clean,
            // What was left out is not there, whatever else goes on; any other warning is a finding.
            (
                Severity::Warning,
                Reason::NeedsKey
                | Reason::NeedsHelm
                | Reason::NeedsNetwork
                | Reason::NeedsPlugin
                | Reason::NeedsJsonnet
                | Reason::NotSupported
                | Reason::MissingFile
                | Reason::LimitExceeded,
            ) => Self::Incomplete,
            (Severity::Warning, _) => Self::Differences,
            (Severity::Error, reason) => Self::of_error(reason),
        }
    }

    fn of_error(reason: Reason) -> Self {
        match reason {
            Reason::Cluster | Reason::Forbidden | Reason::Remote => Self::Unreachable,
            Reason::Refused | Reason::Conflict => Self::Refused,
            Reason::Repository | Reason::Config => Self::Usage,
            Reason::Plaintext => Self::Differences,
            _ => Self::Incomplete,
        }
    }

    /// Both, the higher of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_code_wins() {
        assert_eq!(Exit::Differences.and(Exit::Unreachable).and(Exit::Clean), Exit::Unreachable);
    }

    #[test]
    fn a_warning_says_what_was_left_out_or_what_was_found() {
        assert_eq!(Exit::of(&Problem::warning(Reason::NeedsKey, "x")), Exit::Incomplete);
        assert_eq!(Exit::of(&Problem::warning(Reason::Conflict, "x")), Exit::Differences);
        assert_eq!(Exit::of(&Problem::error(Reason::Conflict, "x")), Exit::Refused);
    }

    #[test]
    fn a_note_is_no_finding() {
        let note = Problem { severity: Severity::Note, ..Problem::error(Reason::NeedsHelm, "x") };
        assert_eq!(Exit::of(&note), Exit::Clean);
        assert_eq!(Exit::of(&Problem::error(Reason::NeedsHelm, "x")), Exit::Incomplete);
    }
}
