//! The renderer on generated repositories: cold and warm, one core and all, revision by revision, beside its peers.

use super::generated::{self, Generated};
use super::parts::{Missing, Parts};
use super::table::{Figure, Table, best, median, shown};
use sealane::git::Repo;
use sealane::model::{CommitId, EntryKind, Rendered, Revision, Tree};
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs as BuildInputs, build, to_text};
use sealane::render::{Caches, Inputs, discover, render_environment};
use sealane::yaml::{Dialect, Limits, read_stream};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 7;

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let small = generated::flux(&parts.scratch.path().join("small"), 500, 1000, 1)?;
    let large = generated::flux(&parts.scratch.path().join("large"), 4000, 40, 2)?;
    for (made, limit) in [(&small, 25), (&large, 250)] {
        whole(made, Duration::from_millis(limit), table)?;
        revisions(made, table)?;
    }
    Ok(())
}

fn broken(error: &dyn std::fmt::Display) -> Missing {
    Missing(error.to_string())
}

fn tree_at(repo: &Repo, commit: CommitId) -> Result<Arc<dyn Tree>, Missing> {
    repo.tree(Revision::Commit(commit)).map_err(|e| broken(&e))
}

/// Every environment of a tree.
fn render(tree: &dyn Tree, caches: &Caches) -> Result<Vec<Rendered>, Missing> {
    let found = discover(tree, &caches.surveys, &[]).map_err(|e| broken(&e))?;
    let (bases, known) = (BTreeMap::new(), HashMap::new());
    let inputs = Inputs {
        caches,
        opener: None,
        remotes: &[],
        bases: &bases,
        scopes: None,
        known: &known,
        steps: false,
    };
    let all = found.environments.iter().map(|environment| render_environment(tree, environment, &inputs));
    Ok(all.collect())
}

/// A whole repository through its Flux layer, from opening the clone on: nothing is warm but the disk.
fn whole(made: &Generated, limit: Duration, table: &mut Table) -> Result<(), Missing> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let floor = floor(made)?;
    let mut told = Vec::new();
    let mut all_cores = Vec::new();
    for workers in [1, cores] {
        let (mut times, mut used) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let (begun, before) = (Instant::now(), cpu());
            let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
            let tree = tree_at(&repo, made.newest()?)?;
            let caches = Caches::with_workers(workers);
            let all = render(&*tree, &caches)?;
            times.push(begun.elapsed());
            used.push(cpu().saturating_sub(before));
            if workers == 1 && told.is_empty() {
                told.push(counted(&all)?);
            }
        }
        told.push(format!(
            "{workers} core: {}, best {}, CPU {}",
            shown(median(&times)),
            shown(best(&times)),
            shown(best(&used))
        ));
        all_cores = times;
    }
    let name = format!("{} files, from opening the clone to rendered, cold", made.files);
    table.time(&name, median(&all_cores), limit, &format!("({}; {floor})", told.join("; ")));
    Ok(())
}

/// How much was rendered; that something was not is a failure.
fn counted(all: &[Rendered]) -> Result<String, Missing> {
    if let Some(problem) = all.iter().find_map(|rendered| rendered.not_rendered().next()) {
        return Err(Missing(format!("not all is rendered: {problem}")));
    }
    let producers: usize = all.iter().map(|r| r.producers.len()).sum();
    let objects: usize = all.iter().flat_map(|r| &r.producers).map(|p| p.objects.len()).sum();
    Ok(format!("{producers} Kustomizations, {objects} objects"))
}

/// CPU time of this process so far, all threads.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// One revision after the other, oldest first, in one process: each changes one file.
fn revisions(made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let caches = Caches::default();
    let (mut each, mut used) = (Vec::new(), Vec::new());
    let (begun, before) = (Instant::now(), cpu());
    let mut objects = 0;
    for commit in &made.commits {
        let (at, from) = (Instant::now(), cpu());
        let all = render(&*tree_at(&made.repo, *commit)?, &caches)?;
        objects += all.iter().flat_map(|r| &r.producers).map(|p| p.objects.len()).sum::<usize>();
        each.push(at.elapsed());
        used.push(cpu().saturating_sub(from));
    }
    let (cold, cold_used) = (begun.elapsed(), cpu().saturating_sub(before));
    let used = used.get(1..).unwrap_or_default();
    let warm = each.get(1..).unwrap_or_default();
    table.time(
        &format!("one changed file in {}, rendered again", made.files),
        median(warm),
        Duration::from_millis(1),
        &format!(
            "(median of {}, CPU {}, best {}, p95 {})",
            warm.len(),
            shown(median(used)),
            shown(best(warm)),
            shown(super::table::percentile(warm, 95))
        ),
    );
    table.time(
        &format!("{} revisions of {} files, whole", made.commits.len(), made.files),
        cold,
        Duration::from_secs(1),
        &format!("({objects} objects; CPU {})", shown(cold_used)),
    );
    Ok(())
}

/// What nobody can do without: reading every file and parsing it, on one core.
fn floor(made: &Generated) -> Result<String, Missing> {
    let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
    let begun = Instant::now();
    let tree = tree_at(&repo, made.newest()?)?;
    let mut files = Vec::new();
    list(&*tree, "", &mut files)?;
    let walked = begun.elapsed();
    let begun = Instant::now();
    let contents: Result<Vec<_>, _> = files.iter().map(|(path, id)| Ok((path, tree.read(*id)?))).collect();
    let contents = contents.map_err(|e: sealane::model::TreeError| broken(&e))?;
    let read = begun.elapsed();
    let begun = Instant::now();
    let mut documents = 0;
    for (path, bytes) in &contents {
        documents += read_stream(bytes, path, Dialect::Resource, &Limits::default()).documents.len();
    }
    let parsed = begun.elapsed();
    let bytes: usize = contents.iter().map(|(_, bytes)| bytes.len()).sum();
    Ok(format!(
        "floor on one core: walk {}, read {}, parse {} of {} KiB, {documents} documents",
        shown(walked),
        shown(read),
        shown(parsed),
        bytes >> 10
    ))
}

fn list(
    tree: &dyn Tree,
    folder: &str,
    files: &mut Vec<(Arc<str>, sealane::model::ContentId)>,
) -> Result<(), Missing> {
    for (name, entry) in tree.list(folder).map_err(|e| broken(&e))?.unwrap_or_default() {
        let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        match entry.kind {
            EntryKind::Folder => list(tree, &path, files)?,
            EntryKind::File if path.ends_with(".yaml") => files.push((path.into(), entry.id)),
            _ => {}
        }
    }
    Ok(())
}
