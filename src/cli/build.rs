//! `sealane build`: what `kustomize build` prints, and its exit codes.

use super::arguments::BuildArguments;
use super::context::Context;
use super::exit::Exit;
use crate::model::{Problem, Reason};
use crate::workspace::{self, BuildRequest};
use std::io;

pub(super) fn run(context: &mut Context<'_, '_>, arguments: &BuildArguments) -> io::Result<Exit> {
    let built = request(arguments).and_then(|request| workspace::build(&arguments.dir, &request));
    match built {
        Ok(text) => context.out.raw(&text).map(|()| Exit::Clean),
        Err(problem) => {
            // As kustomize does: the reason on standard error, nothing on standard output, status 1. The code at the
            // end is for scripts.
            let mut error = io::stderr().lock();
            io::Write::write_all(
                &mut error,
                format!("Error: {problem} [{}]\n", problem.reason.code()).as_bytes(),
            )?;
            Ok(Exit::Differences)
        }
    }
}

fn request(arguments: &BuildArguments) -> Result<BuildRequest, Problem> {
    let unknown =
        |flag: &str, value: &str| Problem::error(Reason::Config, format!("{flag} does not know `{value}`"));
    Ok(BuildRequest {
        confined: match arguments.load_restrictor.as_str() {
            "LoadRestrictionsRootOnly" | "rootOnly" => true,
            "LoadRestrictionsNone" | "none" => false,
            other => return Err(unknown("--load-restrictor", other)),
        },
        legacy_order: match arguments.reorder.as_deref() {
            None | Some("legacy") => true,
            Some("none") => false,
            Some(other) => return Err(unknown("--reorder", other)),
        },
        managed_by_label: arguments.enable_managedby_label,
    })
}
