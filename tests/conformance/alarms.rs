//! False alarms of the firewall: every finding in all corpora and in the whole history of the bundles stands in `alarms.txt`
//! with a verdict, and fewer than two in a thousand files are false.

use crate::say;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// False alarms that are borne among a thousand files.
const BORNE: usize = 2;

/// What was said of a finding when it was looked at.
enum Verdict {
    True,
    False,
}

/// Lines `DIGEST true|false REASON`; digests only, since nothing of the corpora stands in this repository.
fn verdicts() -> BTreeMap<String, Verdict> {
    let lines =
        include_str!("alarms.txt").lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let digest = words.next().expect("a digest").to_owned();
            let verdict = match words.next() {
                Some("true") => Verdict::True,
                Some("false") => Verdict::False,
                other => panic!("`{line}`: a verdict is true or false, not {other:?}"),
            };
            assert!(words.next().is_some_and(|reason| !reason.trim().is_empty()), "`{line}` has no reason");
            (digest, verdict)
        })
        .collect()
}

/// Findings by digest, with what they say, and how many files were looked at.
#[derive(Default)]
struct Found {
    all: BTreeMap<String, String>,
    files: usize,
}

impl Found {
    fn add(&mut self, repository: &str, finding: &serde_json::Value) {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let place = text("place");
        let file = place.rsplit_once(':').map_or(&*place, |(file, _)| file);
        let told = format!("{} {repository}/{file} {}", text("kind"), text("cause"));
        let sum = Sha256::digest(&told);
        let digest =
            format!("{:016x}", sum[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)));
        self.all.insert(digest, told);
    }
}

fn sealane(folder: &Path, verb: &str) -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealane"));
    command.args([verb, "--output", "json"]).current_dir(folder).env("HOME", folder).stdin(Stdio::null());
    let output = command.output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(words).output().expect("git runs");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Copies a repository of the corpora, so that it can be one.
fn copy(from: &Path, to: &Path) -> usize {
    let mut count = 0;
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            count += copy(&entry.path(), &target);
        } else if let Ok(bytes) = std::fs::read(entry.path()) {
            std::fs::write(target, bytes).expect("written");
            count += 1;
        }
    }
    count
}

fn look(corpora: &Path) -> Found {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut found = Found::default();
    for entry in std::fs::read_dir(corpora).expect("readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.contains("__") || !entry.path().is_dir() {
            continue;
        }
        let folder = scratch.path().join(&name);
        found.files += copy(&entry.path(), &folder);
        git(&folder, &["init", "--quiet"]);
        for finding in sealane(&folder, "check").as_array().expect("a list") {
            found.add(&name, finding);
        }
    }
    for entry in std::fs::read_dir(corpora.join("bundles")).expect("readable").flatten() {
        let bundle: PathBuf = entry.path();
        let name = bundle.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = scratch.path().join(format!("history-{name}"));
        git(scratch.path(), &["clone", "--quiet", &bundle.to_string_lossy(), &folder.to_string_lossy()]);
        let told = sealane(&folder, "scan");
        found.files += usize::try_from(told["contents"].as_u64().expect("a number")).expect("small");
        for leak in told["leaks"].as_array().expect("a list") {
            found.add(&format!("history of {name}"), &leak["problem"]);
        }
    }
    found
}

/// Looks, counts, and fails with what was not judged yet.
pub fn check(corpora: &Path) {
    let (found, verdicts) = (look(corpora), verdicts());
    let unknown: Vec<String> = found
        .all
        .iter()
        .filter(|(digest, _)| !verdicts.contains_key(*digest))
        .map(|(d, told)| format!("{d} {told}"))
        .collect();
    let is_false = |digest: &&String| matches!(verdicts.get(*digest), Some(Verdict::False));
    let wrong = found.all.keys().filter(is_false).count();
    let gone = verdicts.keys().filter(|digest| !found.all.contains_key(*digest)).count();
    say(&format!(
        "alarms: {} findings in {} files and versions, {wrong} of them false ({:.2} in 1,000); {gone} judged ones are gone",
        found.all.len(),
        found.files,
        f64::from(u32::try_from(wrong * 1000).expect("few"))
            / f64::from(u32::try_from(found.files).expect("few"))
    ));
    assert!(
        unknown.is_empty(),
        "{} findings have no verdict in alarms.txt:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    assert!(wrong * 1000 < BORNE * found.files, "{wrong} false alarms in {} files", found.files);
}
