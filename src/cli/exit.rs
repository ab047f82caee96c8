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
        match problem.reason {
            _ if problem.severity == Severity::Note => Self::Clean,
            // Worth a warning, and read all the same: clocks that differ, a kind that only names lead to.
            Reason::Cluster | Reason::Forbidden if problem.severity == Severity::Warning => Self::Clean,
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
    fn a_note_is_no_finding() {
        let note = Problem { severity: Severity::Note, ..Problem::error(Reason::NeedsHelm, "x") };
        assert_eq!(Exit::of(&note), Exit::Clean);
        assert_eq!(Exit::of(&Problem::error(Reason::NeedsHelm, "x")), Exit::Incomplete);
    }
}
