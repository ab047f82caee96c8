//! `just bench`: every figure that is promised, measured in one run on this machine with the real program, beside its limit
//! and, where one exists, a peer. Ends with 1 if one is missed, with 2 if a part is missing.
//!
//! | file | job |
//! | --- | --- |
//! | `table` | figures and how they are printed |
//! | `parts` | the program, the corpora, kubectl; what to do when one is missing |
//! | `screen` | the program in a terminal of its own |
//! | `opening` | first frames, first rows |
//! | `session` | keys, the rehearsal, the stall detector, the demo at rest |
//! | `generated` | repositories made for measuring |
//! | `renderer` | the renderer on them, beside `kubectl kustomize` and `flate` |
//! | `roots` | every root of a real repository, beside `kubectl kustomize` |
//! | `secrets` | sealed files, the firewall and a scan of history, beside `sops` and `gitleaks` |
//! | `weight` | the program's size, its start, its build |

#[path = "../../tests/it/console.rs"]
mod console;
mod generated;
mod opening;
mod parts;
mod renderer;
mod roots;
mod screen;
mod secrets;
mod session;
mod table;
mod weight;

use parts::{Missing, Parts};
use std::process::ExitCode;
use table::Table;

/// The program's own, so that what is measured in this process is what the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, folder] = words.as_slice()
        && flag == "--memory"
    {
        return match renderer::memory_child(std::path::Path::new(folder)) {
            Ok(kibibytes) => {
                table::say(&mut std::io::stdout(), &kibibytes);
                ExitCode::SUCCESS
            }
            Err(missing) => {
                table::say(&mut std::io::stderr(), &format!("bench: {missing}"));
                ExitCode::from(2)
            }
        };
    }
    let cold = words.iter().any(|word| word == "--cold-build");
    let only: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    match measure(cold, &only) {
        Ok(table) => table.print(),
        Err(missing) => {
            table::say(&mut std::io::stderr(), &format!("bench: {missing}"));
            ExitCode::from(2)
        }
    }
}

/// Measures everything, or the parts whose names are given.
fn measure(cold: bool, only: &[&String]) -> Result<Table, Missing> {
    let parts = Parts::find()?;
    let mut table = Table::default();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| *word == name);
    if wanted("weight") {
        weight::measure(&parts, &mut table)?;
    }
    if wanted("opening") {
        opening::measure(&parts, &mut table)?;
    }
    if wanted("session") {
        session::measure(&parts, &mut table)?;
    }
    if wanted("roots") {
        roots::measure(&parts, &mut table)?;
    }
    if wanted("renderer") {
        renderer::measure(&parts, &mut table)?;
    }
    if wanted("secrets") {
        secrets::measure(&parts, &mut table)?;
    }
    if cold {
        weight::cold_build(&mut table)?;
    }
    Ok(table)
}
