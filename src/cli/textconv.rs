//! `sealane textconv`: what git calls to compare sealed files: marks instead of values.

use super::context::{Context, folder_of};
use super::exit::Exit;
use crate::workspace;
use std::io;
use std::path::Path;

/// Prints the file as git is to compare it. Nobody is asked anything, and no plug-in is run: git calls this for every
/// version of every file, also in a pager.
pub(super) fn run(context: &mut Context<'_, '_>, file: &Path) -> io::Result<Exit> {
    let mut keys = (context.settings)(folder_of(file), context.place).keys;
    keys.agreed.clear();
    keys.ask = None;
    match workspace::textconv(file, &keys) {
        Ok(text) => context.out.raw(&text).map(|()| Exit::Clean),
        Err(problem) => context.problem(&problem),
    }
}
