//! Identities: what waits for a passphrase or for the user's word, and what `doctor` tells of them. No key is told.

use super::doctor::Finding;
use super::session::Session;
use crate::model::{Problem, Reason, Severity, clean};
use crate::seal::{Keyring, LockedKind, PluginSource};
use crate::secret::SecretText;
use std::sync::Arc;

/// An identity that could open files, once something is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// It is behind a passphrase.
    Passphrase {
        /// Its file.
        source: Arc<str>,
    },
    /// A plug-in holds it, and runs only after the user agreed.
    Agreement {
        /// The plug-in's program.
        program: Arc<str>,
    },
}

/// What waits, without repetitions.
pub(super) fn needs(keyring: &Keyring) -> Arc<[KeyNeed]> {
    let mut needs: Vec<KeyNeed> =
        keyring.locked().into_iter().map(|locked| KeyNeed::Passphrase { source: locked.source }).collect();
    for plugin in keyring.plugin_identities() {
        if let PluginSource { program: Ok(program), agreed: false, .. } = plugin {
            let need = KeyNeed::Agreement { program: program.into() };
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }
    needs.into()
}

/// Unlocks a source.
pub(super) fn unlock(session: &Session, source: &str, passphrase: &SecretText) -> Result<(), Problem> {
    session.keyring.unlock(source, passphrase).map_err(|error| {
        Problem::error(Reason::NeedsKey, error.to_string()).at(&clean(source), 0).next("type it once more")
    })
}

/// Which identities were found, where was looked, and why some cannot be used.
pub(super) fn finding(session: &Session) -> Finding {
    let keyring = &session.keyring;
    let found: Vec<String> = keyring
        .recipients()
        .map(|(recipient, source)| format!("{} from {}", short(recipient), clean(source)))
        .collect();
    let found = match (found.is_empty(), keyring.is_empty()) {
        (false, _) => found.join(", "),
        (true, true) => "none in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE or ~/.config/sops/age/keys.txt".to_owned(),
        (true, false) => "none that can be used as it is".to_owned(),
    };
    let mut finding = Finding { details: details(keyring), ..Finding::of("age identities", found) };
    for bad in &keyring.unusable {
        let next = "mend the source; sops cannot use it either";
        finding.problems.push(
            Problem::warning(Reason::NeedsKey, bad.why.clone()).at(&clean(&bad.source), bad.line).next(next),
        );
    }
    finding.problems.extend(locked(keyring));
    finding.problems.extend(keyring.plugin_identities().iter().filter_map(plugin));
    finding
}

fn details(keyring: &Keyring) -> Vec<String> {
    let mut details: Vec<String> = keyring
        .commands()
        // Only its first word: who knows what stands behind it.
        .map(|(name, line)| {
            let program = line.split_whitespace().next().unwrap_or_default();
            format!("run when a file needs it: {name} ({} …)", clean(program))
        })
        .collect();
    for plugin in keyring.plugin_identities() {
        if let PluginSource { program: Ok(program), agreed: true, .. } = &plugin {
            details.push(format!("run when a file needs it: {} (you agreed)", clean(program)));
        }
    }
    if !keyring.absent.is_empty() {
        let absent: Vec<String> = keyring.absent.iter().map(|place| clean(place)).collect();
        details.push(format!("nothing in {}", absent.join(", ")));
    }
    details
}

/// A locked key is worth a note; a file that waits for it says so itself.
fn locked(keyring: &Keyring) -> impl Iterator<Item = Problem> {
    keyring.locked().into_iter().map(|locked| {
        let whose = locked.recipient.map_or(String::new(), |recipient| format!(" ({})", short(&recipient)));
        let what = match locked.kind {
            LockedKind::Ssh => format!("a private SSH key{whose}, locked with a passphrase"),
            LockedKind::File => "a file of identities, locked with a passphrase".to_owned(),
        };
        let note = Problem::warning(Reason::NeedsKey, what).at(&clean(&locked.source), 0);
        Problem { severity: Severity::Note, ..note }.next(
            "you are asked for it in a terminal when a file needs it; on the screen `:` unlocks it; an SSH agent cannot help, it only signs",
        )
    })
}

fn plugin(plugin: &PluginSource) -> Option<Problem> {
    let cause = match &plugin.program {
        Err(error) => error.to_string(),
        Ok(_) if plugin.agreed => return None,
        Ok(program) => {
            format!("an identity of the plug-in {}, which runs only after you agree", clean(program))
        }
    };
    let next = match &plugin.program {
        Err(_) => "install it where PATH leads",
        Ok(_) => "you are asked in a terminal when a file needs it; on the screen `:` agrees to it",
    };
    let note =
        Problem::warning(Reason::NeedsPlugin, cause).at(&clean(&plugin.source), plugin.line).next(next);
    Some(Problem { severity: Severity::Note, ..note })
}

/// A recipient in few letters: the beginning of an age recipient, the end of an SSH key.
fn short(recipient: &str) -> String {
    match recipient.split_once(' ') {
        Some((kind, blob)) => {
            let end: Vec<char> = blob.chars().rev().take(8).collect();
            clean(&format!("{kind} …{}", end.into_iter().rev().collect::<String>()))
        }
        None => format!("{}…", clean(&recipient.chars().take(12).collect::<String>())),
    }
}
