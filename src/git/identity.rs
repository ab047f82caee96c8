//! Who a commit will be by, and how it will be signed, as the configuration says.

use super::{GitError, Repo};
use crate::model::clean;

/// The author of the next commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `Ana <ana@example.com>`, safe for a screen; empty if git knows nobody.
    pub author: String,
    /// How it will be signed: `openpgp`, `ssh`, `x509`; empty if it will not be.
    pub signing: String,
}

impl Repo {
    /// Reads the configuration; committing itself asks git again, which has the last word.
    pub fn identity(&self) -> Result<Identity, GitError> {
        let author = self.git(&["var", "GIT_AUTHOR_IDENT"]).run()?;
        let sign = self.git(&["config", "--type=bool", "--get", "commit.gpgsign"]).run()?;
        let format = self.git(&["config", "--get", "gpg.format"]).run()?;
        let author =
            if author.ok { String::from_utf8_lossy(&author.stdout).into_owned() } else { String::new() };
        let signs = sign.ok && sign.stdout.starts_with(b"true");
        let format = String::from_utf8_lossy(&format.stdout).trim().to_owned();
        Ok(Identity {
            // Behind the address stand the time and the zone.
            author: clean(author.rsplit_once('>').map_or("", |(who, _)| who))
                + if author.is_empty() { "" } else { ">" },
            signing: match (signs, format.is_empty()) {
                (false, _) => String::new(),
                (true, true) => "openpgp".to_owned(),
                (true, false) => clean(&format),
            },
        })
    }
}
