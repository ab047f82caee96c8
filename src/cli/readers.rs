//! `sealane audit who`, `audit compare` and `audit same`: who can read what, and which secrets are alike. No value is told.

use super::context::{Context, folder_of, path_inside, settled};
use super::exit::Exit;
use super::output::{self, Label, counted};
use crate::model::{Problem, Reason, clean};
use crate::workspace::{Access, KeyState, ReadFile, Readers, Recipient, Removed, Standing, Workspace};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// Who can read what.
pub(super) async fn who(
    context: &mut Context<'_, '_>,
    files: &[PathBuf],
    at: Option<&str>,
    history: bool,
) -> io::Result<Exit> {
    let start =
        files.first().map_or(Path::new("."), |file| if file.is_dir() { file } else { folder_of(file) });
    let workspace = match context.open_offline(start)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut only = Vec::new();
    for file in files {
        match path_inside(&workspace, file) {
            Ok(path) => only.push(path.trim_start_matches("./").trim_end_matches("/.").to_owned()),
            Err(problem) => return context.problem(&problem),
        }
    }
    only.retain(|path| !path.is_empty() && path != ".");
    let readers = match workspace.readers(at.map(str::to_owned), only, history).await {
        Ok(readers) => readers,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = print(context, &readers)?;
    for problem in &readers.left_out {
        exit = exit.and(Exit::of(problem));
    }
    context.out.json(|| readers_json(&readers))?;
    Ok(exit)
}

fn print(context: &mut Context<'_, '_>, readers: &Readers) -> io::Result<Exit> {
    let mut exit = Exit::Clean;
    for (number, recipient) in readers.recipients.iter().enumerate() {
        let name = recipient.name.as_deref().unwrap_or("no name");
        context.out.line(&[
            (Label::Strong, &format!("{} ", letter(number))),
            (Label::Plain, &clean(name)),
            (Label::Muted, &format!("  {}", clean(&recipient.key))),
        ])?;
    }
    let heads: Vec<String> = (0..readers.recipients.len()).map(letter).collect();
    let width = heads.iter().map(String::len).max().unwrap_or(1);
    let heads: Vec<String> = heads.iter().map(|head| format!("{head:>width$}")).collect();
    context.out.line(&[(Label::Muted, &heads.join(" "))])?;
    for file in &readers.files {
        let mut parts: Vec<(Label, String)> = Vec::new();
        for cell in &file.cells {
            let (label, sign) = match cell {
                Access::Reads => (Label::Good, "✓"),
                Access::Extra => (Label::Bad, "+"),
                Access::Missing => (Label::Notice, "-"),
                Access::No => (Label::Muted, "·"),
            };
            if matches!(cell, Access::Extra | Access::Missing) {
                exit = Exit::Differences;
            }
            parts.push((label, format!("{sign:>width$} ")));
        }
        parts.push((Label::Plain, clean(&file.path)));
        let also = file.foreign.join(", ");
        let notes: Vec<&str> =
            file.notes.iter().copied().chain((!also.is_empty()).then_some(&*also)).collect();
        parts.push((
            Label::Muted,
            if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) },
        ));
        let parts: Vec<(Label, &str)> = parts.iter().map(|(label, text)| (*label, text.as_str())).collect();
        context.out.line(&parts)?;
    }
    for removed in &readers.removed {
        exit = exit.and(print_removed(context, removed)?);
    }
    let sum = format!(
        "{}, {}; ✓ reads, + reads and the rule does not say so, - does not and the rule says so",
        counted(readers.files.len(), "sealed file"),
        counted(readers.recipients.len(), "recipient")
    );
    context.out.line(&[(Label::Muted, &sum)])?;
    Ok(exit)
}

fn print_removed(context: &mut Context<'_, '_>, removed: &Removed) -> io::Result<Exit> {
    let who = clean(&removed.recipient.word());
    let when = format!("{} {}", removed.last.id.short(), output::day(removed.last.time));
    let (label, what) = match (removed.still.as_slice(), removed.unknown.as_slice()) {
        ([], []) => (Label::Good, "knows no value of today".to_owned()),
        ([], unknown) => {
            (Label::Notice, format!("may still know {}: no identity here opens it", unknown.join(", ")))
        }
        (still, []) => (Label::Bad, format!("still knows {}: not changed since", still.join(", "))),
        (still, unknown) => {
            (Label::Bad, format!("still knows {}, and may know {}", still.join(", "), unknown.join(", ")))
        }
    };
    context.out.line(&[
        (label, "! "),
        (Label::Strong, &clean(&removed.path)),
        (Label::Plain, &format!(": {who} was removed and {what}")),
        (Label::Muted, &format!("  (last readable at {when})")),
    ])?;
    Ok(if removed.still.is_empty() { Exit::Clean } else { Exit::Differences })
}

/// `A` … `Z`, `AA` …
fn letter(number: usize) -> String {
    let one = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    if number < 26 { one(number).to_string() } else { format!("{}{}", letter(number / 26 - 1), one(number)) }
}

fn recipient_json(recipient: &Recipient) -> Value {
    json!({"key": clean(&recipient.key), "name": recipient.name.as_deref()})
}

fn readers_json(readers: &Readers) -> Value {
    let file = |file: &ReadFile| {
        let cells = readers.recipients.iter().zip(&file.cells).filter(|(_, cell)| **cell != Access::No);
        let access = cells.map(|(recipient, cell)| {
            let word = match cell {
                Access::Reads => "reads",
                Access::Extra => "extra",
                Access::Missing => "missing",
                Access::No => "no",
            };
            json!({"key": clean(&recipient.key), "access": word})
        });
        json!({
            "path": &*file.path,
            "readers": access.collect::<Vec<_>>(),
            "otherKeyTypes": file.foreign.iter().map(|kind| &**kind).collect::<Vec<_>>(),
            "rule": file.rule,
            "notes": file.notes,
        })
    };
    let removed = |removed: &Removed| {
        json!({
            "recipient": recipient_json(&removed.recipient),
            "path": &*removed.path,
            "stillKnows": removed.still.iter().map(|key| &**key).collect::<Vec<_>>(),
            "mayKnow": removed.unknown.iter().map(|key| &**key).collect::<Vec<_>>(),
            "lastReadableAt": removed.last.id.to_string(),
        })
    };
    json!({
        "recipients": readers.recipients.iter().map(recipient_json).collect::<Vec<_>>(),
        "files": readers.files.iter().map(file).collect::<Vec<_>>(),
        "removed": readers.removed.iter().map(removed).collect::<Vec<_>>(),
        "leftOut": readers.left_out.iter().map(output::problem).collect::<Vec<_>>(),
    })
}

/// Compares a file with others, or with the cluster.
pub(super) async fn compare(context: &mut Context<'_, '_>, file: &Path, with: &[String]) -> io::Result<Exit> {
    let live = with.iter().any(|side| side == "live");
    let opened = if live { context.open(folder_of(file))? } else { context.open_offline(folder_of(file))? };
    let workspace = match opened {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let path = match path_inside(&workspace, file) {
        Ok(path) => path,
        Err(problem) => return context.problem(&problem),
    };
    let before = ["HEAD:".to_owned()];
    let sides = if with.is_empty() { &before } else { with };
    let (mut exit, mut all) = (Exit::Clean, Vec::new());
    for side in sides {
        let compared = if side == "live" {
            let (rows, reached) = of_live(context, &workspace, &path).await;
            exit = exit.and(reached);
            rows
        } else {
            let right = other_side(&workspace, side);
            match workspace.compare_held(&path, &right).await {
                Ok(keys) => keys.into_iter().map(|(key, standing)| (key.to_string(), standing)).collect(),
                Err(problem) => return context.problem(&problem),
            }
        };
        exit = exit.and(print_compared(context, &path, side, &compared)?);
        let keys: Vec<Value> = compared
            .iter()
            .map(|(key, standing)| json!({"key": key, "standing": word(*standing).1}))
            .collect();
        all.push(json!({"file": path, "with": clean(side), "keys": keys}));
    }
    context.out.json(|| all)?;
    Ok(exit)
}

/// A file is taken from where one stands, as the first one is; what names a revision is taken from the root.
fn other_side(workspace: &Workspace, side: &str) -> String {
    if side.contains(':') {
        return side.to_owned();
    }
    workspace.path_inside(Path::new(side)).unwrap_or_else(|| side.to_owned())
}

async fn of_live(
    context: &Context<'_, '_>,
    workspace: &Workspace,
    path: &str,
) -> (Vec<(String, Standing)>, Exit) {
    let snapshot = settled(workspace).await;
    let mut rows = Vec::new();
    for row in snapshot
        .secrets
        .iter()
        .filter(|row| row.file.as_deref() == Some(path) && context.means(&row.environment))
    {
        for (key, state) in &row.keys {
            let standing = match state {
                KeyState::Same => Standing::Same,
                KeyState::Differs => Standing::Differs,
                KeyState::OnlyGit => Standing::OnlyLeft,
                KeyState::OnlyLive => Standing::OnlyRight,
                KeyState::Closed | KeyState::NotCompared => Standing::Closed,
            };
            rows.push((format!("{} {key}", row.environment), standing));
        }
    }
    (rows, context.exit_of_clusters(&snapshot))
}

fn word(standing: Standing) -> (Label, &'static str, &'static str) {
    match standing {
        Standing::Same => (Label::Muted, "same", "="),
        Standing::Differs => (Label::Bad, "differs", "≠"),
        Standing::OnlyLeft => (Label::Notice, "only-here", "<"),
        Standing::OnlyRight => (Label::Notice, "only-there", ">"),
        Standing::Closed => (Label::Notice, "closed", "?"),
    }
}

fn print_compared(
    context: &mut Context<'_, '_>,
    path: &str,
    side: &str,
    compared: &[(String, Standing)],
) -> io::Result<Exit> {
    context.out.line(&[
        (Label::Strong, &clean(path)),
        (Label::Muted, " with "),
        (Label::Strong, &clean(side)),
    ])?;
    let mut exit = Exit::Clean;
    for (key, standing) in compared {
        let (label, word, sign) = word(*standing);
        context.out.line(&[
            (label, &format!("  {sign} ")),
            (Label::Plain, key),
            (label, &format!("  {word}")),
        ])?;
        exit = exit.and(match standing {
            Standing::Same => Exit::Clean,
            Standing::Closed => Exit::Incomplete,
            _ => Exit::Differences,
        });
    }
    if compared.is_empty() {
        context.out.line(&[(Label::Muted, "  nothing to compare")])?;
    }
    Ok(exit)
}

/// Which other files hold the value of a key.
pub(super) async fn same(context: &mut Context<'_, '_>, file: &Path, key: &str) -> io::Result<Exit> {
    let workspace = match context.open_offline(folder_of(file))? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let path = match path_inside(&workspace, file) {
        Ok(path) => path,
        Err(problem) => return context.problem(&problem),
    };
    let places = match workspace.places_of(&path, key).await {
        Ok(places) => places,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = if places.found.is_empty() { Exit::Clean } else { Exit::Differences };
    for place in &places.found {
        let (file, line) = (clean(&place.file), place.line);
        let (label, sign, at, what) = if let Some(key) = &place.key {
            (Label::Notice, "= ", file, format!("  {key}"))
        } else {
            (Label::Bad, "! ", format!("{file}:{line}"), "  in the clear".to_owned())
        };
        context.out.line(&[(label, sign), (Label::Strong, &at), (Label::Plain, &what)])?;
    }
    if !places.in_the_clear {
        context.out.line(&[(Label::Muted, "the value is too short to be looked for in the clear")])?;
    }
    for closed in &places.closed {
        let problem =
            Problem::warning(Reason::NeedsKey, "no identity here opens it: it may hold the value too")
                .at(closed, 0);
        if context.out.is_json() {
            exit = exit.and(Exit::of(&problem));
        } else {
            exit = exit.and(context.problem(&problem)?);
        }
    }
    let found = places.found.iter().map(|place| {
        json!({"file": &*place.file, "key": place.key.as_deref(), "line": place.line, "inTheClear": place.key.is_none()})
    });
    context.out.json(|| {
        json!({
            "found": found.collect::<Vec<_>>(),
            "closed": places.closed.iter().map(|file| &**file).collect::<Vec<_>>(),
            "lookedInTheClear": places.in_the_clear,
        })
    })?;
    Ok(exit)
}
