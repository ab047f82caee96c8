//! The tree that Flux makes of each real repository: a reviewed summary in `trees.txt`, without its content.
//!
//! `SEALANE_REVIEW=1` writes the summary anew; what changed is then reviewed as a diff.

use crate::folder::Files;
use sealane::model::{Producer, Rendered};
use sealane::render::{Caches, Inputs, discover, render_environment};
use sealane::yaml::to_masked_string;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// The corpora with Flux.
const REPOSITORIES: [&str; 4] = [
    "budimanjojo__home-cluster",
    "caarlos0__home",
    "fluxcd__flux2-kustomize-helm-example",
    "toboshii__home-ops",
];

/// Compares the trees of all repositories with the reviewed ones.
pub fn check(corpora: &Path) {
    let mut found = String::from(
        "# Environment: entry. Producer, its depth as indent: path, number of objects, digest of the objects in order.\n",
    );
    for name in REPOSITORIES {
        let _ = writeln!(found, "{name}");
        summary(&Files::on_disk(&corpora.join(name)), &mut found);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/trees.txt");
    if std::env::var_os("SEALANE_REVIEW").is_some() {
        std::fs::write(&file, &found).expect("the summary can be written");
    }
    let reviewed = std::fs::read_to_string(&file).expect("trees.txt can be read");
    assert!(found == reviewed, "the trees changed:\n{}", crate::cases::difference(&reviewed, &found));
}

fn summary(files: &Files, out: &mut String) {
    let caches = Caches::default();
    let inputs = Inputs::new(&caches);
    let found = discover(files, &caches.surveys, &[]).expect("the files can be read");
    for environment in &found.environments {
        let rendered = render_environment(files, environment, &inputs);
        let _ = writeln!(out, "  {}: {} ({})", environment.name, environment.entry, rendered.coverage());
        for producer in &rendered.producers {
            let _ = writeln!(out, "{}", line(producer, &rendered));
        }
    }
}

fn line(producer: &Producer, rendered: &Rendered) -> String {
    let mut depth = 2;
    let mut at = producer;
    while let Some(parent) = at.parent {
        depth += 1;
        at = &rendered.producers[parent];
    }
    let mut digest = Sha256::new();
    for object in &producer.objects {
        digest.update(to_masked_string(&object.body));
        digest.update("---\n");
    }
    let digest: String = digest
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .fold(String::new(), |all, one| all + &one);
    let reasons: Vec<&str> = producer.problems.iter().map(|problem| problem.reason.code()).collect();
    let problems = if reasons.is_empty() { String::new() } else { format!(" [{}]", reasons.join(", ")) };
    let (path, count) = (&producer.spec.path, producer.objects.len());
    format!("{}{} {path:?}: {count} objects {digest}{problems}", "  ".repeat(depth), producer.key)
}
