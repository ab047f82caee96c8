//! Every root of `toboshii__home-ops`, built by us and by `kubectl kustomize`, and that both give the same objects.

use super::parts::{Missing, Parts, run};
use super::table::{Figure, Table, best, shown};
use sealane::git::DiskTree;
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, build, to_text};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const REPOSITORY: &str = "toboshii__home-ops";
/// How much faster than the peer we must be.
const TIMES: f64 = 20.0;

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let roots = roots(parts)?;
    let version = run(Command::new(&parts.kubectl).args(["version", "--client"]))?;
    if !version.contains("v1.36.") {
        return Err(Missing(format!("the peer is kubectl 1.36, and here is {version}")));
    }
    let bare = bare_start(parts)?;
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    let mut differ = Vec::new();
    let mut objects = 0;
    for root in &roots {
        let folder = parts.corpora.join(REPOSITORY).join(root);
        let (peer, took) = built(Command::new(&parts.kubectl).arg("kustomize").arg(&folder))?;
        theirs += took;
        let (own, took) = built(parts.program().arg("build").arg(&folder))?;
        ours += took;
        objects += documents(&peer)?.len();
        if documents(&own)? != documents(&peer)? {
            differ.push(root.clone());
        }
    }
    let inside = inside(parts, &roots, &mut differ)?;
    let same = if differ.is_empty() {
        format!("{objects} objects, the same")
    } else {
        format!("{} differ: {}", differ.len(), differ.join(", "))
    };
    let peer = format!("{} (kubectl kustomize 1.36; its bare start {})", shown(theirs), shown(bare));
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    table.add(Figure {
        name: format!("{} roots of {REPOSITORY}, a process for each", roots.len()),
        ours: format!("{} ({same})", shown(ours)),
        // Told only: most of it is the start of a process. That the objects are the same is held all the same.
        limit: String::new(),
        peer: peer.clone(),
        ratio: format!("{ratio:.0}x"),
        kept: differ.is_empty(),
    });
    let ratio = theirs.as_secs_f64() / inside.as_secs_f64();
    table.add(Figure {
        name: format!("{} roots of {REPOSITORY}, one process for all", roots.len()),
        ours: shown(inside),
        limit: format!("1/{TIMES} of the peer"),
        peer,
        ratio: format!("{ratio:.0}x"),
        kept: ratio >= TIMES && differ.is_empty(),
    });
    Ok(())
}

/// The folders that `expected/index.tsv` says can be built.
fn roots(parts: &Parts) -> Result<Vec<String>, Missing> {
    let index = std::fs::read_to_string(parts.corpora.join("expected/index.tsv"))?;
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let roots: Vec<String> = rows
        .filter(|row| row.len() > 3 && row[0] == REPOSITORY && row[2] == "ok" && row[3] == "default")
        .map(|row| row[1].to_owned())
        .collect();
    if roots.is_empty() { Err(Missing(format!("index.tsv has no roots of {REPOSITORY}"))) } else { Ok(roots) }
}

/// What the peer takes to start and do next to nothing.
fn bare_start(parts: &Parts) -> Result<Duration, Missing> {
    let empty = parts.scratch.path().join("empty");
    std::fs::create_dir_all(&empty)?;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
    std::fs::write(empty.join("kustomization.yaml"), "resources: [a.yaml]\n")?;
    std::fs::write(empty.join("a.yaml"), text)?;
    let times: Result<Vec<Duration>, Missing> =
        (0..5).map(|_| Ok(built(Command::new(&parts.kubectl).arg("kustomize").arg(&empty))?.1)).collect();
    Ok(best(&times?))
}

fn built(command: &mut Command) -> Result<(String, Duration), Missing> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|e| Missing(format!("{command:?}: {e}")))?;
    let took = begun.elapsed();
    if !output.status.success() {
        return Err(Missing(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), took))
}

/// All roots in this process, from the files on disk to text, with one cache of documents as a workspace has it.
fn inside(parts: &Parts, roots: &[String], differ: &mut Vec<String>) -> Result<Duration, Missing> {
    let broken = |e: &dyn std::fmt::Display| Missing(e.to_string());
    let begun = Instant::now();
    let (tree, inside) = DiskTree::around(&parts.corpora.join(REPOSITORY))?;
    let documents_read = DocumentCache::default();
    let inputs = Inputs::new(&documents_read);
    let mut texts = Vec::new();
    for root in roots {
        let path = if inside.is_empty() { root.clone() } else { format!("{inside}/{root}") };
        let manifests = build(&tree, &path, &BuildOptions::default(), &inputs);
        texts.push(to_text(&manifests.map_err(|e| broken(&e.problem()))?));
    }
    let took = begun.elapsed();
    for (root, text) in roots.iter().zip(&texts) {
        let (own, _) = built(parts.program().arg("build").arg(parts.corpora.join(REPOSITORY).join(root)))?;
        if documents(&own)? != documents(text)? && !differ.contains(root) {
            differ.push(root.clone());
        }
    }
    Ok(took)
}

/// The objects of an output, as data, in an order of their own.
fn documents(text: &str) -> Result<Vec<String>, Missing> {
    use serde::Deserialize as _;
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_json::Value::deserialize(document)
            .map_err(|e| Missing(format!("an output is not YAML: {e}")))?;
        all.push(value.to_string());
    }
    all.sort_unstable();
    Ok(all)
}
