//! `sealane seal`: one key set from standard input or typed unseen, keys removed, in a plan like any other.

use super::arguments::Write;
use super::exit::Exit;
use super::plan;
use super::run::Context;
use crate::model::{Problem, Reason};
use crate::secret::SecretText;
use crate::workspace::KeyEdit;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest value that is read.
const LONGEST: u64 = 1 << 20;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    file: &Path,
    set: Option<String>,
    remove: &[String],
    write: &Write,
) -> io::Result<Exit> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let workspace = match context.open(folder)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let Some(inside) = workspace.path_inside(file) else {
        let problem =
            Problem::error(Reason::Repository, format!("{} is not inside the repository", file.display()));
        return context.problem(&problem);
    };
    let mut edits: Vec<KeyEdit> = remove.iter().map(|k| KeyEdit::Remove { key: k.as_str().into() }).collect();
    if let Some(key) = set {
        edits.push(KeyEdit::Set { key: key.into(), value: read_value(context.input)? });
    }
    if edits.is_empty() {
        let problem = Problem::error(Reason::Config, "nothing to do")
            .next("--set KEY sets a key, --remove KEY removes one");
        return context.problem(&problem);
    }
    match workspace.plan_seal(&inside, edits).await {
        Ok(made) => plan::carry_out(context, &workspace, made, write).await,
        Err(problem) => context.problem(&problem),
    }
}

/// The value from standard input; one line break at its end does not belong to it.
fn read_value(input: &mut dyn io::Read) -> io::Result<SecretText> {
    let mut bytes = Vec::with_capacity(4096);
    input.take(LONGEST).read_to_end(&mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(SecretText::from_vec(bytes))
}
