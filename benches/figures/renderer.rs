//! The renderer on generated repositories: cold and warm, one core and all, revision by revision, beside its peers.

use super::generated::{self, Generated};
use super::parts::{Missing, Parts, run};
use super::table::{Figure, Table, best, median, shown};
use sealane::git::Repo;
use sealane::model::{CommitId, EntryKind, Environment, Rendered, Revision, Tree};
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs as BuildInputs, build, to_text};
use sealane::render::{Caches, Inputs, discover, render_environment};
use sealane::yaml::{Dialect, Limits, read_stream, to_masked_string};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 7;
/// How much faster than the sum of the peer's processes all roots must be.
const TIMES: f64 = 50.0;
const MEBIBYTES: f64 = 60.0;

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let small = generated::flux(&parts.scratch.path().join("small"), 500, 1000, 1)?;
    let large = generated::flux(&parts.scratch.path().join("large"), 4000, 40, 2)?;
    roots(parts, &small, table)?;
    peer(parts, &small, table)?;
    whole(&small, Duration::from_millis(25), table)?;
    revisions(&small, Some(Duration::from_millis(1)), table)?;
    whole(&large, Duration::from_millis(250), table)?;
    revisions(&large, None, table)?;
    overlay(&small, table)?;
    path(&small, table)?;
    history(parts, &small, table)?;
    memory(&large, table)?;
    single(parts, table)?;
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
    let inputs = Inputs::new(caches);
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
fn revisions(made: &Generated, limit: Option<Duration>, table: &mut Table) -> Result<(), Missing> {
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
    let name = format!("one changed file in {}, rendered again", made.files);
    let more = format!(
        "(median of {}, CPU {}, best {}, p95 {})",
        warm.len(),
        shown(median(used)),
        shown(best(warm)),
        shown(super::table::percentile(warm, 95))
    );
    match limit {
        Some(limit) => table.time(&name, median(warm), limit, &more),
        // Told only: the promise is of five hundred files, and everything that stands is looked at once.
        None => table.tell(&name, &format!("{} {more}", shown(median(warm)))),
    }
    let name = format!("{} revisions of {} files, whole", made.commits.len(), made.files);
    let more = format!("({objects} objects; CPU {})", shown(cold_used));
    match limit {
        Some(_) => table.time(&name, cold, Duration::from_secs(1), &more),
        None => table.tell(&name, &format!("{} {more}", shown(cold))),
    }
    Ok(())
}

/// Every folder with a kustomization, from the clone to text, beside a process of the peer for each; the text is the same.
fn roots(parts: &Parts, made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let mut files = Vec::new();
    list(&*tree_at(&made.repo, made.newest()?)?, "", &mut files)?;
    let roots: Vec<&str> =
        files.iter().filter_map(|(path, _)| path.strip_suffix("/kustomization.yaml")).collect();
    let (mut theirs, mut texts) = (Duration::ZERO, Vec::new());
    for root in &roots {
        let begun = Instant::now();
        texts.push(run(Command::new(&parts.kubectl).arg("kustomize").arg(made.folder.join(root)))?);
        theirs += begun.elapsed();
    }
    let (mut times, mut differ) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let begun = Instant::now();
        let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
        let (tree, documents) = (tree_at(&repo, made.newest()?)?, DocumentCache::default().with_workers(1));
        let mut own = Vec::new();
        for root in &roots {
            let inputs = BuildInputs::new(&documents);
            let made = build(&*tree, root, &BuildOptions::default(), &inputs);
            own.push(to_text(&made.map_err(|e| broken(&e.problem()))?));
        }
        times.push(begun.elapsed());
        differ = own.iter().zip(&texts).filter(|(own, peer)| own != peer).count();
    }
    let ratio = theirs.as_secs_f64() / median(&times).as_secs_f64();
    table.add(Figure {
        name: format!("{} roots of {} files, cold, one core", roots.len(), made.files),
        ours: format!("{} (best {}; {differ} texts differ)", shown(median(&times)), shown(best(&times))),
        limit: format!("25 ms and 1/{TIMES} of the peer"),
        peer: format!("{} (kubectl kustomize 1.36, the sum)", shown(theirs)),
        ratio: format!("{ratio:.0}x"),
        kept: differ == 0 && ratio >= TIMES && median(&times) <= Duration::from_millis(25),
    });
    Ok(())
}

/// The Flux layer beside `flate`: the whole repository, and what one commit changed. The objects are the same.
fn peer(parts: &Parts, made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let Some(flate) = &parts.flate else {
        table.add(Figure {
            name: "whole repository beside flate 0.6".to_owned(),
            ours: "not measured: flate is not in the rig's cache (`just rig flate`)".to_owned(),
            limit: "ahead".to_owned(),
            peer: String::new(),
            ratio: String::new(),
            kept: false,
        });
        return Ok(());
    };
    let command = |more: &[&str]| {
        let mut command = Command::new(flate);
        command.args(["build", "ks", "--no-progress", "--path", "clusters/main"]).args(more);
        command.current_dir(&made.folder).env("HOME", parts.scratch.path());
        command.env("XDG_CACHE_HOME", parts.scratch.path().join("cache"));
        command
    };
    let timed = |more: &[&str]| -> Result<(Duration, String), Missing> {
        let begun = Instant::now();
        let text = run(&mut command(more))?;
        Ok((begun.elapsed(), text))
    };
    let (first, text) = timed(&[])?;
    let warm = [timed(&[])?.0, timed(&[])?.0, timed(&[])?.0];
    let changed = [timed(&["--base", "HEAD~1"])?.0, timed(&["--base", "HEAD~1"])?.0];
    let theirs = objects_of(&text)?;
    let (mut whole, mut one, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
        let caches = Caches::default();
        let before = made.commits.len().saturating_sub(2);
        render(&*tree_at(&repo, made.commits[before])?, &caches)?;
        whole.push(begun.elapsed());
        let begun = Instant::now();
        let all = render(&*tree_at(&repo, made.newest()?)?, &caches)?;
        one.push(begun.elapsed());
        let objects = all.iter().flat_map(Rendered::objects);
        let texts: Vec<String> = objects.map(|(_, m)| to_masked_string(&m.body)).collect();
        own = objects_of(&texts.join("---\n"))?;
    }
    let differ =
        own.iter().filter(|object| !theirs.contains(object)).count() + theirs.len().abs_diff(own.len());
    let told = format!("{} objects, {differ} differ", own.len());
    for (name, ours, peer, more) in [
        ("whole repository", &whole, best(&warm), format!("; cold {}", shown(first))),
        ("one changed file", &one, best(&changed), String::new()),
    ] {
        table.add(Figure {
            name: format!("{name} of {} files, through Flux", made.files),
            ours: format!("{} ({told}; best {})", shown(median(ours)), shown(best(ours))),
            limit: "ahead of the peer".to_owned(),
            peer: format!("{} (flate 0.6, its caches warm{more})", shown(peer)),
            ratio: format!("{:.0}x", peer.as_secs_f64() / median(ours).as_secs_f64()),
            kept: differ == 0 && median(ours) < peer,
        });
    }
    Ok(())
}

/// The objects of an output, as data, sorted.
fn objects_of(text: &str) -> Result<Vec<String>, Missing> {
    use serde::Deserialize as _;
    let documents = serde_yaml::Deserializer::from_str(text);
    let objects = documents.map(|document| serde_json::Value::deserialize(document).map(|v| v.to_string()));
    let mut objects: Vec<String> = objects.collect::<Result<_, _>>().map_err(|e| broken(&e))?;
    objects.retain(|object| object != "null");
    objects.sort_unstable();
    Ok(objects)
}

/// A small overlay whose documents are known, built again.
fn overlay(made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let tree = tree_at(&made.repo, made.newest()?)?;
    let documents = DocumentCache::default();
    let inputs = BuildInputs::new(&documents);
    let folder = format!("{}/app", generated::folder_of(generated::WALKED));
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        build(&*tree, &folder, &BuildOptions::default(), &inputs).map_err(|e| broken(&e.problem()))?;
        times.push(begun.elapsed());
    }
    let more = format!("(median of {}, best {})", times.len(), shown(best(&times)));
    table.time("a small overlay from warm documents", median(&times), Duration::from_micros(100), &more);
    Ok(())
}

/// One folder at every revision, then once more.
fn path(made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let entry = format!("{}/app", generated::folder_of(generated::WALKED));
    let environment = Environment {
        name: entry.as_str().into(),
        entry: entry.as_str().into(),
        why: String::new(),
        evidence: None,
    };
    let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
    let caches = Caches::default();
    let inputs = Inputs::new(&caches);
    for (name, limit) in [("cold", 1000), ("warm", 100)] {
        let (begun, before) = (Instant::now(), cpu());
        let mut images = BTreeSet::new();
        for commit in &made.commits {
            let rendered = render_environment(&*tree_at(&repo, *commit)?, &environment, &inputs);
            let deployment = rendered.objects().find(|(_, m)| &*m.key.kind == "Deployment");
            let (_, deployment) = deployment.ok_or_else(|| Missing(format!("{entry} has no Deployment")))?;
            images.insert(to_masked_string(&deployment.body));
        }
        let (took, used) = (begun.elapsed(), cpu().saturating_sub(before));
        let name = format!("{} revisions of one path, {name}", made.commits.len());
        let more = format!("({} different; CPU {})", images.len(), shown(used));
        table.time(&name, took, Duration::from_millis(limit), &more);
    }
    Ok(())
}

/// The history of one object as a person asks for it, the start of the program included.
fn history(parts: &Parts, made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let name = generated::folder_of(generated::WALKED);
    let name = name.rsplit('/').next().unwrap_or_default();
    let team = generated::team_of(generated::WALKED);
    let begun = Instant::now();
    let mut command = parts.program();
    command.args(["history", &format!("Deployment/{team}/{name}-main"), "--limit", "5000", "--no-cluster"]);
    // `history` ends with 1, since it found something.
    let output = command.args(["--output", "json"]).current_dir(&made.folder).output()?;
    let took = begun.elapsed();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| broken(&e))?;
    let entries = told["commits"].as_array().map_or(0, Vec::len);
    if entries < 2 {
        return Err(Missing(format!("`sealane history` told {entries} changes: {told}")));
    }
    let name = format!("history of an object over {} commits, the program's", made.commits.len());
    table.time(&name, took, Duration::from_secs(2), &format!("({entries} changes)"));
    Ok(())
}

/// What one rendering of a large repository adds to a process, caches and result held.
fn memory(made: &Generated, table: &mut Table) -> Result<(), Missing> {
    let program = std::env::current_exe()?;
    let told = run(Command::new(program).arg("--memory").arg(&made.folder))?;
    let kibibytes: f64 = told.trim().parse().map_err(|_| Missing(format!("the child said {told:?}")))?;
    let mebibytes = kibibytes / 1024.0;
    table.add(Figure {
        name: format!("memory for {} files, rendered and held", made.files),
        ours: format!("{mebibytes:.1} MiB (growth of the peak of a process of its own)"),
        limit: format!("{MEBIBYTES} MiB"),
        peer: String::new(),
        ratio: String::new(),
        kept: mebibytes < MEBIBYTES,
    });
    Ok(())
}

/// The child of [`memory`]: renders HEAD of a folder and prints by how many KiB its peak grew.
pub fn memory_child(folder: &Path) -> Result<String, Missing> {
    let kibibytes = |field: &str| -> Result<u64, Missing> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
        line.and_then(|n| n.parse().ok()).ok_or_else(|| Missing(format!("no {field}")))
    };
    let before = kibibytes("VmRSS:")?;
    let repo = Repo::open(folder).map_err(|e| broken(&e))?;
    let head = repo.resolve("HEAD").map_err(|e| broken(&e))?;
    let caches = Caches::default();
    let all = render(&*tree_at(&repo, head)?, &caches)?;
    counted(&all)?;
    Ok((kibibytes("VmHWM:")?.saturating_sub(before)).to_string())
}

/// One kustomization with very many objects, and that the time grows no faster than they do.
/// One large kustomization, with all cores and with one; on one core it must stay linear in its objects.
fn single(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut alone = Vec::new();
    for count in [4000, 8000, 16_000] {
        let made = generated::single(&parts.scratch.path().join(format!("single-{count}")), count)?;
        let times = built(&made, count, cores)?;
        alone.push(best(&built(&made, count, 1)?));
        let (median, one) = (shown(median(&times)), alone.last().copied().map_or_else(String::new, shown));
        let name = format!("one kustomization of {count} objects");
        let more =
            format!("({cores} cores, best of {RUNS}, median {median}; one core {one}; {})", floor(&made)?);
        if count == 4000 {
            table.time(&name, best(&times), Duration::from_millis(150), &more);
        } else {
            table.tell(&name, &format!("{} {more}", shown(best(&times))));
        }
    }
    let (first, last) =
        (alone.first().copied().unwrap_or_default(), alone.last().copied().unwrap_or_default());
    // A tenth for what the machine does meanwhile.
    table.time(
        "four times the objects, one core",
        last,
        first * 44 / 10,
        "(16,000 in at most 4.4 times the time of 4,000)",
    );
    Ok(())
}

/// How long the one kustomization of a repository takes, cold, with so many threads.
fn built(made: &Generated, count: usize, workers: usize) -> Result<Vec<Duration>, Missing> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let repo = Repo::open(&made.folder).map_err(|e| broken(&e))?;
        let documents = DocumentCache::default().with_workers(workers);
        let tree = tree_at(&repo, made.newest()?)?;
        let built = build(&*tree, "", &BuildOptions::default(), &BuildInputs::new(&documents));
        let built = built.map_err(|e| broken(&e.problem()))?;
        times.push(begun.elapsed());
        if built.objects.len() != count {
            return Err(Missing(format!("{} objects instead of {count}", built.objects.len())));
        }
    }
    Ok(times)
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
            EntryKind::File if path.rsplit('.').next() == Some("yaml") => files.push((path.into(), entry.id)),
            _ => {}
        }
    }
    Ok(())
}
