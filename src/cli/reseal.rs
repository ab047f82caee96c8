//! `sealane reseal`: files sealed again for the recipients that their rules give now, in a plan like any other.

use super::arguments::Write;
use super::context::{Context, folder_of, path_inside};
use super::exit::Exit;
use super::plan;
use std::io;
use std::path::{Path, PathBuf};

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    files: &[PathBuf],
    keep_key: bool,
    write: &Write,
) -> io::Result<Exit> {
    let folder = files.first().map_or_else(|| Path::new("."), |file| folder_of(file));
    let workspace = match context.open(folder)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut inside = Vec::new();
    for file in files {
        match path_inside(&workspace, file) {
            Ok(path) => inside.push(path),
            Err(problem) => return context.problem(&problem),
        }
    }
    let planned =
        if keep_key { workspace.plan_rewrap(&inside).await } else { workspace.plan_reseal(&inside).await };
    match planned {
        Ok(made) => plan::carry_out(context, &workspace, made, write).await,
        Err(problem) => context.problem(&problem),
    }
}
