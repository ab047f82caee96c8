//! A sealed file in an editor: opened into a file in memory, read back, and made a plan of like any other change.

use super::handle::{Workspace, blocking};
use super::listing;
use super::plan::{Plan, PlanKind};
use super::planning::{Draft, read, standing};
use super::sealing::short_name;
use super::session::Session;
use crate::git::{FileChange, TreeChange};
use crate::model::{Problem, Reason, Revision, SealedFormat, Tree, clean};
use crate::seal::{self, MergeError, Scratch, ScratchPlaces};
use crate::secret::{SecretDigest, SecretText};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A file that is open in an editor. Dropping it wipes what the editor was given.
pub struct Editing {
    file: String,
    /// The sealed file as it was; nothing if it is new.
    before: Option<Arc<[u8]>>,
    /// What the editor was given.
    shown: SecretDigest,
    scratch: Scratch,
}

/// What came of opening a file for an editor.
pub enum Begun {
    /// It lies there.
    Editing(Box<Editing>),
    /// No folder lies in memory: it would lie in this one on disk, which a person has to agree to.
    NeedsDisk(String),
}

/// What came of an edit.
pub enum Edited {
    /// The text is the same.
    Unchanged,
    /// What changed, sealed.
    Plan(Box<Plan>),
    /// The text cannot be sealed as it stands; it is still there, to be edited again.
    Broken(Box<Editing>, Problem),
}

impl Editing {
    /// The file for the editor.
    pub fn path(&self) -> &Path {
        self.scratch.file()
    }

    /// Its folder; whatever lies there in the end is wiped.
    pub fn folder(&self) -> &Path {
        self.scratch.folder()
    }
}

/// Wipes what editors left behind in files of processes that were killed.
pub fn wipe_abandoned(variable: &dyn Fn(&str) -> Option<String>) {
    let wiped = ScratchPlaces::of_user(variable).sweep();
    if wiped > 0 {
        tracing::info!(wiped, "files for editors that a killed process left behind were wiped");
    }
}

impl Workspace {
    /// Opens a sealed file for an editor, in a folder that lies in memory; on disk only if `on_disk` agrees to it. A file that
    /// is not there yet begins as an empty Secret.
    pub async fn begin_edit(
        &self,
        file: &str,
        places: ScratchPlaces,
        on_disk: bool,
    ) -> Result<Begun, Problem> {
        tracing::info!(file, "a file was opened for an editor");
        let (session, file) = (self.session.clone(), file.to_owned());
        blocking(move || begin(&session, file, &places, on_disk)).await
    }

    /// Seals what the editor left and rehearses it. What cannot be read is handed back, for another try.
    pub async fn finish_edit(&self, editing: Box<Editing>) -> Result<Edited, Problem> {
        let session = self.session.clone();
        blocking(move || {
            let finished = finish(&session, &editing);
            Ok(match finished {
                Ok(Some(plan)) => Edited::Plan(Box::new(plan)),
                Ok(None) => Edited::Unchanged,
                Err(problem) => Edited::Broken(editing, problem),
            })
        })
        .await
    }
}

fn begin(session: &Session, file: String, places: &ScratchPlaces, on_disk: bool) -> Result<Begun, Problem> {
    let (_, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let before = read(&*tree, &file)?;
    let text = match &before {
        Some(bytes) => opened(session, &*tree, &file, bytes)?,
        None => template(&*tree, &file)?,
    };
    let shown = text.digest(&session.digests);
    Ok(match Scratch::make(places, &file, &text, on_disk)? {
        Some(scratch) => Begun::Editing(Box::new(Editing { file, before, shown, scratch })),
        None => Begun::NeedsDisk(places.disk.display().to_string()),
    })
}

fn opened(session: &Session, tree: &dyn Tree, file: &str, bytes: &[u8]) -> Result<SecretText, Problem> {
    if !seal::sealed_secrets::sealed_secrets(file, bytes).is_empty() {
        let cause = "the values of a SealedSecret open in its cluster alone";
        return Err(Problem::error(Reason::NotSupported, cause)
            .at(file, 0)
            .next("`sealane seal FILE --set KEY` seals one value anew"));
    }
    if seal::inspect(file, bytes, &Session::rules(tree)).is_none() {
        return Err(Problem::error(Reason::Refused, "the file is not sealed")
            .at(file, 0)
            .next("any editor opens it; `sealane seal FILE` seals it where it stands"));
    }
    seal::lay_open(bytes, file, &session.keyring)
}

/// What a new file begins as; refuses where no rule says who may open it.
fn template(tree: &dyn Tree, file: &str) -> Result<SecretText, Problem> {
    let rules = Session::rules(tree);
    if rules.matching(file).is_none_or(|rule| rule.recipients.is_empty()) {
        let cause = format!("no rule of .sops.yaml says who may open {}", clean(file));
        return Err(Problem::error(Reason::Config, cause)
            .at(".sops.yaml", 0)
            .next("add a rule with a path_regex that matches, and recipients under `age`"));
    }
    let name = clean(short_name(file));
    Ok(SecretText::from_string(match seal::format_of(file) {
        SealedFormat::Yaml => format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: Opaque\nstringData:\n  key: value\n"
        ),
        SealedFormat::Json => format!(
            "{{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Secret\",\n\t\"metadata\": {{\n\t\t\"name\": \"{name}\"\n\t}},\n\t\"type\": \"Opaque\",\n\t\"stringData\": {{\n\t\t\"key\": \"value\"\n\t}}\n}}\n"
        ),
        SealedFormat::Dotenv => "KEY=value\n".to_owned(),
        SealedFormat::Ini => "[section]\nkey = value\n".to_owned(),
        SealedFormat::Binary => String::new(),
    }))
}

fn finish(session: &Session, editing: &Editing) -> Result<Option<Plan>, Problem> {
    let started = Instant::now();
    let text = editing.scratch.read()?;
    if text.digest(&session.digests) == editing.shown {
        return Ok(None);
    }
    let file = &*editing.file;
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let time = jiff::Timestamp::now().as_second();
    let now = read(&*tree, file)?;
    let sealed = match &editing.before {
        None if now.is_some() => return Err(moved(file, "somebody made it meanwhile")),
        None => seal::seal_written(&text, file, &rules, time)?,
        Some(before) => {
            let Some(sealed) = seal::seal_edited(before, file, &session.keyring, &text, time)? else {
                return Ok(None);
            };
            match now {
                Some(now) if now == *before => sealed,
                Some(now) => merged(session, file, [before, &now, &sealed], time)?,
                None => return Err(moved(file, "somebody took it out meanwhile")),
            }
        }
    };
    let words = match &editing.before {
        Some(before) => in_words(seal::changed_keys(before, &sealed, file)?),
        None => "seal a new file".to_owned(),
    };
    let (mut files, mut notes) =
        (vec![FileChange::write(file, sealed)], vec![(file.to_owned(), words.clone())]);
    if editing.before.is_none() {
        listing::list(&*tree, std::slice::from_ref(&editing.file), &mut files, &mut notes)?;
    }
    let draft = Draft {
        title: format!("edit {file}: {words}"),
        kind: PlanKind::Seal,
        message: format!("{}: {words}\n", short_name(file)),
        branch,
        change: TreeChange { onto: head, files },
        notes,
        started,
    };
    draft.finish(session).map(Some)
}

/// Our edit on top of what the branch got meanwhile, key by key.
fn merged(session: &Session, file: &str, sides: [&[u8]; 3], time: i64) -> Result<Vec<u8>, Problem> {
    let [before, now, edited] = sides;
    seal::merge(before, now, edited, file, &session.keyring, time).map_err(|error| match error {
        MergeError::Closed(problem) => problem,
        MergeError::Conflict(keys) => {
            moved(file, &format!("the branch changed {} meanwhile too", keys.join(", ")))
        }
    })
}

fn moved(file: &str, cause: &str) -> Problem {
    Problem::error(Reason::Conflict, cause.to_owned())
        .at(file, 0)
        .next("look at what is there now, then edit it again")
}

fn in_words([changed, new, gone]: [Vec<String>; 3]) -> String {
    let parts = [("set", changed), ("add", new), ("remove", gone)];
    let parts = parts.into_iter().filter(|(_, keys)| !keys.is_empty());
    let words: Vec<String> = parts.map(|(verb, keys)| format!("{verb} {}", keys.join(", "))).collect();
    if words.is_empty() { "change comments and layout".to_owned() } else { words.join("; ") }
}
