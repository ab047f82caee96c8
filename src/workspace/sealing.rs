//! Plans for sealed files: keys set, removed, renamed, generated and imported, plain files sealed, recipients changed; in
//! any number of files at once.

use super::audit::only;
use super::firewall::in_parallel;
use super::for_controller::{self, SealedSecretRequest};
use super::handle::{Workspace, blocking};
use super::listing;
use super::plan::{FileEdit, KeyEdit, Plan, PlanKind};
use super::planning::{Draft, missing, read, standing};
use super::session::Session;
use crate::git::{FileChange, TreeChange};
use crate::model::{Problem, Reason, Revision, Tree, clean};
use crate::seal;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// Where the rules stand.
const RULES: &str = ".sops.yaml";

impl Workspace {
    /// Rehearses changes to one sealed file. The values are consumed.
    pub async fn plan_seal(&self, file: &str, edits: Vec<KeyEdit>) -> Result<Plan, Problem> {
        self.plan_seals(vec![file.to_owned()], FileEdit::Keys(edits)).await
    }

    /// Rehearses sealing for a sealed-secrets controller: keys, a new SealedSecret, or Secrets turned into them.
    pub async fn plan_sealed_secret(&self, request: SealedSecretRequest) -> Result<Plan, Problem> {
        let session = self.session.clone();
        blocking(move || for_controller::plan(&session, request)).await
    }

    /// Rehearses the same change to any number of sealed files, in one plan.
    pub async fn plan_seals(&self, files: Vec<String>, edit: FileEdit) -> Result<Plan, Problem> {
        let session = self.session.clone();
        blocking(move || seal(&session, files, edit)).await
    }

    /// Rehearses sealing files again for the recipients that the rules give now, under new data keys.
    pub async fn plan_reseal(&self, files: &[String]) -> Result<Plan, Problem> {
        let (session, files) = (self.session.clone(), files.to_vec());
        blocking(move || reseal(&session, &files, false)).await
    }

    /// Rehearses bringing files in line with the recipients that the rules give now; their data keys stay.
    pub async fn plan_rewrap(&self, files: &[String]) -> Result<Plan, Problem> {
        let (session, files) = (self.session.clone(), files.to_vec());
        blocking(move || reseal(&session, &files, true)).await
    }
}

/// Rehearses a change to sealed files; each gets the same, with generated values of its own.
pub(super) fn seal(session: &Session, mut files: Vec<String>, mut edit: FileEdit) -> Result<Plan, Problem> {
    let started = Instant::now();
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    if let ([file], FileEdit::Keys(edits)) = (&mut *files, &mut edit)
        && for_controller::is_one(&*tree, file)?
    {
        let (file, edits) = (std::mem::take(file), std::mem::take(edits));
        return for_controller::plan(
            session,
            SealedSecretRequest { file, edits, ..SealedSecretRequest::default() },
        );
    }
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let desk = Desk { session, tree: &*tree, rules: &rules, time: jiff::Timestamp::now().as_second() };
    let (mut changes, mut notes, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut new = Vec::new();
    for file in files {
        if read(&*tree, &file)?.is_none() {
            new.push(file.clone());
        }
        let (bytes, words, note) = desk.changed(&file, &edit)?;
        changes.push(FileChange::write(&file, bytes));
        notes.push((file.clone(), note));
        told.push((file, words));
    }
    listing::list(&*tree, &new, &mut changes, &mut notes)?;
    let (title, message) = match &*told {
        [(file, words)] => (format!("seal {file}: {words}"), format!("{}: {words}\n", short_name(file))),
        many => {
            let first = many.first().map_or("", |(_, words)| words);
            let words = if many.iter().all(|(_, words)| words == first) { first } else { "change values" };
            let lines = many.iter().map(|(file, words)| format!("- {file}: {words}"));
            let lines = lines.collect::<Vec<_>>().join("\n");
            let count = many.len();
            (
                format!("seal {count} files: {words}"),
                format!("secrets: {words} in {count} files\n\n{lines}\n"),
            )
        }
    };
    let change = TreeChange { onto: head, files: changes };
    Draft { title, kind: PlanKind::Seal, message, branch, change, notes, started }.finish(session)
}

/// A file's new bytes, what was done in words, and what to say beside its diff.
pub(super) type Changed = (Vec<u8>, String, String);

/// What all files of a plan share.
pub(super) struct Desk<'a> {
    pub(super) session: &'a Session,
    pub(super) tree: &'a dyn Tree,
    pub(super) rules: &'a seal::Rules,
    pub(super) time: i64,
}

impl Desk<'_> {
    /// A file sealed again for the recipients of its rule, and what that means; `None` where nothing is to be done.
    fn again(&self, file: &str, keep_key: bool) -> Result<Option<(String, Vec<u8>)>, Problem> {
        let bytes = read(self.tree, file)?.ok_or_else(|| missing(file))?;
        if for_controller::is_one(self.tree, file)? {
            return Err(for_controller::cannot_reseal(file));
        }
        if !keep_key && is_plain(&bytes, file, self.rules) {
            let (sealed, _, note) = self.converted(file, Some(bytes))?;
            return Ok(Some((note, sealed)));
        }
        let keyring = &self.session.keyring;
        let sealed = if keep_key {
            // Who is in line already stays as it is.
            seal::rewrap(&bytes, file, keyring, self.rules)?
        } else {
            Some(seal::reseal(&bytes, file, keyring, self.rules, self.time)?)
        };
        Ok(sealed.map(|sealed| (resealed(file, [&bytes, &sealed], self.rules, keep_key), sealed)))
    }

    fn changed(&self, file: &str, edit: &FileEdit) -> Result<Changed, Problem> {
        let existing = read(self.tree, file)?;
        if for_controller::is_one(self.tree, file)? {
            return Err(for_controller::alone(file));
        }
        match edit {
            FileEdit::Keys(edits) => {
                let (edits, words) = in_words(edits)?;
                let bytes = self.edited(file, existing.as_deref(), edits)?;
                Ok((bytes, words.clone(), words))
            }
            FileEdit::Import { name, content, keys } => {
                self.imported(file, existing.as_deref(), (name, content), keys)
            }
            FileEdit::Copy { from, keys } => self.copied(file, existing.as_deref(), from, keys),
            FileEdit::Live { secret, keys } => self.taken_from_live(file, existing.as_deref(), secret, keys),
            FileEdit::Convert => self.converted(file, existing),
        }
    }

    pub(super) fn edited(
        &self,
        file: &str,
        existing: Option<&[u8]>,
        edits: Vec<seal::Edit>,
    ) -> Result<Vec<u8>, Problem> {
        match existing {
            Some(bytes) => seal::edit(bytes, file, &self.session.keyring, edits, self.time),
            None => seal::create(file, self.rules, edits, self.time),
        }
    }

    fn converted(&self, file: &str, existing: Option<Arc<[u8]>>) -> Result<Changed, Problem> {
        let Some(bytes) = existing else {
            let on_disk = read(&*self.session.tree(Revision::Worktree)?, file)?.is_some();
            return Err(if on_disk {
                Problem::error(
                    Reason::Refused,
                    "git does not know this file: its plain text would stay on the disk",
                )
                .at(file, 0)
                .next("move it out of the repository; `sealane seal FILE --from IT` then seals it here")
            } else {
                missing(file)
            });
        };
        if !is_plain(&bytes, file, self.rules) {
            return Err(Problem::error(Reason::Refused, "the file is sealed already").at(file, 0).next(
                "--set, --generate, --rename and --remove change its keys, `sealane reseal` its recipients",
            ));
        }
        let sealed = seal::seal_plain(&bytes, file, self.rules, self.time)?;
        let count = seal::inspect(file, &sealed, self.rules).map_or(0, |info| info.keys.len());
        let values = if count == 1 { "value" } else { "values" };
        let note = format!(
            "{count} {values} sealed; history keeps them in the clear: change them where they are used"
        );
        Ok((sealed, "seal what stood in the clear".to_owned(), note))
    }
}

fn is_plain(bytes: &[u8], file: &str, rules: &seal::Rules) -> bool {
    seal::inspect(file, bytes, rules).is_none()
}

/// What is wrong with an imported file is wrong where it was read from.
pub(super) fn nameless(problem: Problem, file: &str, name: &str) -> Problem {
    let is_file = problem.place.as_ref().is_some_and(|place| &*place.file == file);
    let line = problem.place.as_ref().map_or(0, |place| place.line);
    if is_file { Problem { place: None, ..problem }.at(&clean(name), line) } else { problem }
}

/// Edits as the room that seals takes them, and in words.
pub(super) fn in_words(edits: &[KeyEdit]) -> Result<(Vec<seal::Edit>, String), Problem> {
    let [mut set, mut generated, mut renamed, mut removed] = [(); 4].map(|()| Vec::<String>::new());
    let mut done = Vec::new();
    for edit in edits {
        done.push(match edit {
            KeyEdit::Set { key, value } => {
                set.push(clean(key));
                seal::Edit::Set { key: key.to_string(), value: seal::copied(value) }
            }
            KeyEdit::Generate { key, letters } => {
                generated.push(clean(key));
                seal::Edit::Set { key: key.to_string(), value: seal::generate(*letters)? }
            }
            KeyEdit::Rename { key, to } => {
                renamed.push(format!("{} to {}", clean(key), clean(to)));
                seal::Edit::Rename { key: key.to_string(), to: to.to_string() }
            }
            KeyEdit::Remove { key } => {
                removed.push(clean(key));
                seal::Edit::Remove { key: key.to_string() }
            }
        });
    }
    let mut words = String::new();
    for (verb, keys) in [("set", set), ("generate", generated), ("rename", renamed), ("remove", removed)] {
        if !keys.is_empty() {
            let _ = write!(words, "{}{verb} {}", if words.is_empty() { "" } else { "; " }, keys.join(", "));
        }
    }
    Ok((done, words))
}

/// Rehearses bringing files in line with the recipients that the rules give now: under new data keys, or with those that
/// they have. What stands in the clear is sealed.
pub(super) fn reseal(session: &Session, files: &[String], keep_key: bool) -> Result<Plan, Problem> {
    let started = Instant::now();
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let time = jiff::Timestamp::now().as_second();
    if read(&*tree, RULES)? != read(&*session.tree(Revision::Worktree)?, RULES)? {
        let cause =
            "the rules on disk are not the committed ones, and files are sealed for the committed ones";
        return Err(Problem::error(Reason::Refused, cause)
            .at(RULES, 0)
            .next("commit .sops.yaml first, then seal the files again"));
    }
    let desk = Desk { session, tree: &*tree, rules: &rules, time };
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    let all = in_parallel(files.len(), |at| {
        let file = files.get(at)?;
        Some((file, desk.again(file, keep_key)))
    });
    for (file, sealed) in all.into_iter().flatten() {
        let Some((words, sealed)) = sealed? else { continue };
        notes.push((file.clone(), words));
        changes.push(FileChange::write(file, sealed));
    }
    if changes.is_empty() {
        return Err(Problem::error(
            Reason::Refused,
            "nobody comes or goes: each file has the recipients of its rule",
        )
        .next("without --keep-key the files get new data keys"));
    }
    let what = match &*notes {
        [(one, _)] => one.clone(),
        many => format!("{} files", many.len()),
    };
    let draft = Draft {
        title: format!("re-seal {what}"),
        kind: PlanKind::Seal,
        message: format!("secrets: re-seal {what}\n"),
        branch,
        change: TreeChange { onto: head, files: changes },
        notes,
        started,
    };
    draft.finish(session)
}

/// What sealing again means for who can open the file.
fn resealed(file: &str, sides: [&[u8]; 2], rules: &seal::Rules, keep_key: bool) -> String {
    let recipients =
        |bytes: &[u8]| seal::inspect(file, bytes, rules).map(|i| i.recipients).unwrap_or_default();
    let [before, after] = sides.map(recipients);
    let mut words =
        if keep_key { "its data key stays" } else { "sealed again under a new data key" }.to_owned();
    let (gains, loses) = (only(&after, &before), only(&before, &after));
    if !gains.is_empty() {
        let _ = write!(words, "; {} can open it from now on", gains.join(", "));
    }
    if !loses.is_empty() {
        let left = if keep_key {
            "may have kept the data key, and history keeps what they could open: seal it under a new one, and change the values"
        } else {
            "no longer can, but history keeps what they could open: change the values too"
        };
        let _ = write!(words, "; {} {left}", loses.join(", "));
    }
    words
}

pub(super) fn short_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file)
}
