//! Files that are sealed wrongly or not at all, made with the real `sops` and `age` where these can make them: `sealane check`
//! finds each, and says nothing of those that are right.

mod by_sops;
mod delivery;
mod in_the_clear;
mod right;

use crate::support::{run, text, tool};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const IDENTITY: &str = include_str!("../../../keys/demo-ops.agekey");

/// One mis-sealed file, with those that belong to it.
pub struct Case {
    /// The code of the kind that must be told.
    pub kind: &'static str,
    /// The file of which it must be told.
    pub path: String,
    /// All files, the one above among them.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Case {
    pub fn of(kind: &'static str, path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { kind, path: path.to_owned(), files: vec![(path.to_owned(), content.into())] }
    }

    #[must_use]
    pub fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }
}

/// The real sops, with rules and a key of its own.
pub struct Sops {
    folder: tempfile::TempDir,
    pub recipient: String,
}

impl Sops {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key"), IDENTITY).expect("written");
        let recipient = run(Command::new(tool("age-keygen")).arg("-y").arg(folder.path().join("key")));
        Self { folder, recipient: recipient.trim().to_owned() }
    }

    /// A file as sops seals it under one rule: `more` are its other fields.
    pub fn seal(&self, name: &str, more: &str, plain: &str) -> String {
        let rules = format!("creation_rules:\n  - age: {}\n{more}", self.recipient);
        let file = self.folder.path().join(name);
        fs::write(self.folder.path().join("rules"), rules).expect("written");
        fs::write(&file, plain).expect("written");
        text(&self.run(&["encrypt"], &file, &[]))
    }

    /// The same file after `sops set`.
    pub fn set(&self, name: &str, sealed: &str, place: &str, value: &str) -> String {
        let file = self.folder.path().join(name);
        fs::write(&file, sealed).expect("written");
        self.run(&["set"], &file, &[place, value]);
        fs::read_to_string(&file).expect("there")
    }

    fn run(&self, words: &[&str], file: &Path, more: &[&str]) -> Vec<u8> {
        let mut command = Command::new(tool("sops"));
        command.args(["--disable-version-check", "--config"]).arg(self.folder.path().join("rules"));
        command.args(words).arg(file).args(more).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.folder.path());
        command.env("SOPS_AGE_KEY_FILE", self.folder.path().join("key"));
        let output = command.output().expect("sops runs");
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
        output.stdout
    }
}

/// Where an identity is replaced by a random one of `age-keygen`.
pub fn fresh_identity(words: &[&str]) -> String {
    let told = run(Command::new(tool("age-keygen")).args(words));
    told.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).expect("an identity").to_owned()
}

/// A repository of its own with these files.
fn repository(files: &[(String, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders");
        fs::write(path, content).expect("written");
    }
    run(Command::new("git").args(["init", "--quiet"]).arg(folder.path()));
    fs::write(folder.path().join(".git/key"), IDENTITY).expect("written");
    folder
}

/// Kinds that `sealane VERB` tells of a repository, by file.
fn told(folder: &Path, verb: &str) -> (String, BTreeMap<String, Vec<String>>) {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_sealane")));
    command.args([verb, "--output", "json"]).current_dir(folder).env("HOME", folder.join(".git"));
    command.env("SOPS_AGE_KEY_FILE", folder.join(".git/key"));
    let output = command.output().expect("it runs");
    let all = text(&output.stdout);
    let told: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    let list = if verb == "audit" { &told["findings"] } else { &told };
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in list.as_array().expect("a list") {
        let place = finding["place"].as_str().unwrap_or_default();
        let file =
            place.rsplit_once(':').filter(|(_, line)| line.parse::<u32>().is_ok()).map_or(place, |(f, _)| f);
        kinds.entry(file.to_owned()).or_default().push(finding["kind"].as_str().unwrap_or("-").to_owned());
    }
    (all, kinds)
}

#[test]
fn every_mis_sealed_file_is_found() {
    let sops = Sops::new();
    let mut cases = by_sops::cases(&sops);
    cases.extend(in_the_clear::cases());
    cases.extend(delivery::cases(&sops));
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *count.entry(case.kind).or_default() += 1;
    }
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut missed = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let folder = repository(&case.files);
        let (all, found) = told(folder.path(), "check");
        if !found.get(&case.path).is_some_and(|kinds| kinds.iter().any(|kind| kind == case.kind)) {
            missed.push(format!("case {number}: {} of {}: {found:?}", case.kind, case.path));
        }
        assert!(!all.contains(in_the_clear::VALUE), "case {number} tells the value: {all}");
    }
    assert!(missed.is_empty(), "{} of {} missed:\n{}", missed.len(), cases.len(), missed.join("\n"));
    let rare: Vec<_> = count.iter().filter(|(_, number)| **number < 2).collect();
    assert!(rare.is_empty(), "every kind at least twice: {rare:?}");
}

#[test]
fn what_is_right_is_not_told() {
    let sops = Sops::new();
    for (number, (path, content)) in right::files(&sops).into_iter().enumerate() {
        let folder = repository(&[(path.clone(), content.into_bytes())]);
        let (_, found) = told(folder.path(), "check");
        assert!(found.is_empty(), "file {number}, {path}: {found:?}");
    }
}
