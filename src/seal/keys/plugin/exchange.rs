//! The two state machines of the plug-in protocol: wrapping a file key, and getting one back.

use super::PluginError;
use super::conversation::{Conversation, Limits};
use super::stanza::Message;
use crate::model::clean;
use crate::seal::keys::ask::Ask;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::HashSet;
use std::path::Path;

/// Letters of a plug-in's text that are shown.
const SHOWN: usize = 300;

/// What a plug-in makes of a recipient: stanzas, and labels.
type Wrapped = (Vec<Stanza>, HashSet<String>);

/// Asks a plug-in to wrap a file key.
pub(super) fn wrap(
    program: &Path,
    recipient: &str,
    file_key: &FileKey,
    limits: Limits,
    ask: Option<&dyn Ask>,
) -> Result<Wrapped, PluginError> {
    let mut talk = Talk::start(program, "recipient-v1", limits, ask, recipient)?;
    talk.plugin.send("add-recipient", &[recipient], &[]);
    talk.plugin.send("extension-labels", &[], &[]);
    talk.plugin.send("wrap-file-key", &[], file_key.expose_secret());
    talk.plugin.send("done", &[], &[]);
    let (mut stanzas, mut labels) = (Vec::new(), HashSet::new());
    while let Some(message) = talk.next()? {
        match (&*message.command, message.arguments.as_slice()) {
            ("recipient-stanza", [file, tag, args @ ..]) if file == "0" => {
                stanzas.push(Stanza { tag: tag.clone(), args: args.to_vec(), body: message.body.to_vec() });
            }
            ("labels", found) => labels = found.iter().cloned().collect(),
            _ => return Err(talk.plugin.broken("it wraps what it was not asked for")),
        }
        talk.plugin.send("ok", &[], &[]);
    }
    if stanzas.is_empty() {
        return Err(talk.plugin.broken("it is done and wrapped nothing"));
    }
    talk.plugin.farewell();
    Ok((stanzas, labels))
}

/// Asks a plug-in for the file key; `None` if its identity has no part in the file.
pub(super) fn unwrap(
    program: &Path,
    identity: &str,
    stanzas: &[Stanza],
    limits: Limits,
    ask: Option<&dyn Ask>,
) -> Result<Option<FileKey>, PluginError> {
    let mut talk = Talk::start(program, "identity-v1", limits, ask, identity)?;
    talk.plugin.send("add-identity", &[identity], &[]);
    for stanza in stanzas {
        let mut arguments = vec!["0", &*stanza.tag];
        arguments.extend(stanza.args.iter().map(String::as_str));
        talk.plugin.send("recipient-stanza", &arguments, &stanza.body);
    }
    talk.plugin.send("done", &[], &[]);
    let mut key = None;
    while let Some(message) = talk.next()? {
        let bytes = <[u8; FILE_KEY_BYTES]>::try_from(message.body.as_slice());
        match (&*message.command, message.arguments.as_slice(), bytes) {
            ("file-key", [file], Ok(bytes)) if file == "0" && key.is_none() => {
                key = Some(FileKey::new(Box::new(bytes)));
            }
            _ => {
                return Err(talk
                    .plugin
                    .broken("it gives a file key that was not asked for, or none of 16 bytes"));
            }
        }
        talk.plugin.send("ok", &[], &[]);
    }
    talk.plugin.farewell();
    Ok(key)
}

/// A conversation in its second phase, where the plug-in speaks.
struct Talk<'a> {
    plugin: Conversation,
    ask: Option<&'a dyn Ask>,
    /// What must not come back in an error.
    key: &'a str,
    /// What it asked in vain.
    unanswered: Option<String>,
}

impl<'a> Talk<'a> {
    fn start(
        program: &Path,
        machine: &str,
        limits: Limits,
        ask: Option<&'a dyn Ask>,
        key: &'a str,
    ) -> Result<Self, PluginError> {
        Ok(Self { plugin: Conversation::start(program, machine, limits)?, ask, key, unanswered: None })
    }

    /// The next message that is about keys; `None` when the plug-in is done. Its questions are answered here.
    fn next(&mut self) -> Result<Option<Message>, PluginError> {
        loop {
            let message = self.plugin.receive()?;
            match &*message.command {
                "done" => return Ok(None),
                "recipient-stanza" | "labels" | "file-key" => return Ok(Some(message)),
                "error" => return Err(self.said(&message)),
                _ => self.answer(&message),
            }
        }
    }

    fn said(&mut self, message: &Message) -> PluginError {
        self.plugin.send("ok", &[], &[]);
        let program = self.plugin.program();
        match self.unanswered.take() {
            Some(question) => PluginError::Asked { program, question },
            None => PluginError::Said { program, message: self.shown(&message.body) },
        }
    }

    /// A text of the plug-in, safe for a screen, without the identity that it was given.
    fn shown(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).replace(self.key, "…");
        // In pieces it would be as bad; whoever echoes the half of it shows nothing at all.
        let secret =
            self.key.starts_with("AGE-") && self.key.get(12..28).is_some_and(|part| text.contains(part));
        let shown = if secret { "(not shown: it holds a part of the identity)" } else { &*text };
        clean(&shown.chars().take(SHOWN).collect::<String>())
    }

    fn answer(&mut self, message: &Message) {
        let text = self.shown(&message.body);
        let Some(ask) = self.ask else {
            match &*message.command {
                // Nobody sees it, and nothing is lost by that.
                "msg" => self.plugin.send("ok", &[], &[]),
                "confirm" | "request-public" | "request-secret" => {
                    self.unanswered = Some(text);
                    self.plugin.send("fail", &[], &[]);
                }
                _ => self.plugin.send("unsupported", &[], &[]),
            }
            return;
        };
        match &*message.command {
            "msg" => {
                ask.tell(&text);
                self.plugin.send("ok", &[], &[]);
            }
            "request-secret" => match self.plugin.meanwhile(|| ask.passphrase(&text)) {
                Some(secret) => self.plugin.send("ok", &[], secret.expose_secret()),
                None => self.plugin.send("fail", &[], &[]),
            },
            "request-public" => match self.plugin.meanwhile(|| ask.line(&text)) {
                Some(line) => self.plugin.send("ok", &[], line.as_bytes()),
                None => self.plugin.send("fail", &[], &[]),
            },
            "confirm" => {
                let word = |index: usize| {
                    let bytes = STANDARD_NO_PAD.decode(message.arguments.get(index)?).ok()?;
                    Some(clean(&String::from_utf8_lossy(&bytes).chars().take(SHOWN).collect::<String>()))
                };
                let (yes, no) = (word(0).unwrap_or_else(|| "yes".to_owned()), word(1));
                match self.plugin.meanwhile(|| ask.confirm(&text, &yes, no.as_deref())) {
                    Some(answer) => self.plugin.send("ok", &[if answer { "yes" } else { "no" }], &[]),
                    None => self.plugin.send("fail", &[], &[]),
                }
            }
            _ => self.plugin.send("unsupported", &[], &[]),
        }
    }
}
