//! Whoever can be asked while a file is opened: a person at a terminal.

use crate::secret::SecretText;

/// Questions that opening a file may raise. Without somebody who answers, what they are about is named as a problem.
pub trait Ask: Send + Sync {
    /// A passphrase or a PIN, typed without being shown; `None` if nobody answers.
    fn passphrase(&self, question: &str) -> Option<SecretText>;

    /// A line that may be shown while it is typed.
    fn line(&self, question: &str) -> Option<String>;

    /// A choice between two; the second is missing where there is only one.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// Something that the user should know now: touch the key, look at the other screen.
    fn tell(&self, text: &str);

    /// Whether the plug-in at this path may run, now and later.
    fn agree(&self, program: &str) -> bool;
}
