//! What the program weighs: its size, its bare start, and a build of it from nothing.

use super::parts::{Missing, Parts, run};
use super::table::{Figure, Table, best, median, shown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 200;
const START: Duration = Duration::from_millis(5);
const MEBIBYTES: f64 = 25.0;
/// The aim; the limit is [`MEBIBYTES`].
const AIM: f64 = 20.0;
const BUILD: Duration = Duration::from_mins(6);

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let ours = starts(parts.program().arg("--version"), STARTS)?;
    let theirs = starts(Command::new(&parts.kubectl).args(["version", "--client"]), 10)?;
    table.add(Figure {
        name: "--version".to_owned(),
        ours: format!("{} (median of {STARTS}, best {})", shown(median(&ours)), shown(best(&ours))),
        limit: shown(START),
        peer: format!("{} (kubectl version --client)", shown(median(&theirs))),
        ratio: format!("{:.0}x", median(&theirs).as_secs_f64() / median(&ours).as_secs_f64()),
        kept: median(&ours) <= START,
    });
    let mebibytes = |bytes: u64| u32::try_from(bytes >> 10).map_or(f64::MAX, f64::from) / 1024.0;
    let size = mebibytes(std::fs::metadata(&parts.program)?.len());
    table.add(Figure {
        name: "size of the program".to_owned(),
        ours: format!("{size:.1} MiB"),
        limit: format!("{MEBIBYTES} MiB (aim {AIM})"),
        peer: format!("{:.1} MiB (kubectl)", mebibytes(std::fs::metadata(&parts.kubectl)?.len())),
        ratio: String::new(),
        kept: size <= MEBIBYTES,
    });
    Ok(())
}

fn starts(command: &mut Command, runs: usize) -> Result<Vec<Duration>, Missing> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut times = Vec::new();
    for _ in 0..runs {
        let begun = Instant::now();
        let status = command.status().map_err(|e| Missing(format!("{command:?}: {e}")))?;
        times.push(begun.elapsed());
        if !status.success() {
            return Err(Missing(format!("{command:?} ended with {status}")));
        }
    }
    Ok(times)
}

/// A release build into a folder that is empty, with everything fetched already.
pub fn cold_build(table: &mut Table) -> Result<(), Missing> {
    let target = tempfile::Builder::new().prefix("sealane-cold-").tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    run(Command::new("cargo").args(["fetch", "--locked"]).current_dir(root))?;
    let begun = Instant::now();
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--jobs", "2"]).current_dir(root);
    run(build.env("CARGO_TARGET_DIR", target.path()))?;
    table.time("cold release build, 2 jobs", begun.elapsed(), BUILD, "");
    Ok(())
}
