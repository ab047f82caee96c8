//! Trees of a git repository by the system `git`, and which of their files a folder can lead kustomize to.

use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// The names that a kustomization file can have.
pub const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Runs git and answers what it prints; fails the test when git does.
pub fn git(repository: &Path, words: &[&str]) -> String {
    let output = try_git(repository, words);
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git answers UTF-8").trim_end().to_owned()
}

/// Runs git, whatever comes out, with nobody's configuration.
pub fn try_git(repository: &Path, words: &[&str]) -> std::process::Output {
    Command::new("git")
        .args(["-c", "user.name=Rig", "-c", "user.email=rig@example.test", "-c", "commit.gpgsign=false"])
        .args(["-c", "gc.auto=0", "-c", "advice.detachedHead=false"])
        .args(words)
        .current_dir(repository)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .expect("git runs")
}

/// The files of one tree: the blob of each path. Links and submodules are left out, as Flux leaves them out.
pub type Listing = BTreeMap<String, String>;

/// Reads trees and blobs of one repository, each once.
pub struct Trees {
    repository: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    blobs: HashMap<String, Arc<[u8]>>,
    listings: HashMap<String, Arc<Listing>>,
}

impl Trees {
    pub fn of(repository: &Path) -> Self {
        let mut child = Command::new("git")
            .args(["cat-file", "--batch"])
            .current_dir(repository)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git runs");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (blobs, listings) = (HashMap::new(), HashMap::new());
        Self { repository: repository.to_owned(), child, input, output, blobs, listings }
    }

    /// The files of a commit or a tree.
    pub fn listing(&mut self, revision: &str) -> Arc<Listing> {
        if let Some(known) = self.listings.get(revision) {
            return known.clone();
        }
        let text = git(&self.repository, &["ls-tree", "-r", "-z", revision]);
        let entries = text.split('\0').filter(|entry| !entry.is_empty()).map(|entry| {
            let (about, path) = entry.split_once('\t').expect("ls-tree tells a path");
            let about: Vec<&str> = about.split(' ').collect();
            (about[0].to_owned(), about[2].to_owned(), path.to_owned())
        });
        let files = entries.filter(|(mode, ..)| mode.starts_with("100")).map(|(_, id, path)| (path, id));
        let listing: Arc<Listing> = Arc::new(files.collect());
        self.listings.insert(revision.to_owned(), listing.clone());
        listing
    }

    /// The bytes of a blob.
    pub fn blob(&mut self, id: &str) -> Arc<[u8]> {
        if let Some(known) = self.blobs.get(id) {
            return known.clone();
        }
        writeln!(self.input, "{id}").expect("git reads");
        self.input.flush().expect("git reads");
        let mut head = String::new();
        self.output.read_line(&mut head).expect("git answers");
        let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
        let mut bytes = vec![0; size.unwrap_or_else(|| panic!("{id}: {head}"))];
        self.output.read_exact(&mut bytes).expect("git answers");
        self.output.read_exact(&mut [0]).expect("git ends with a line break");
        let bytes: Arc<[u8]> = bytes.into();
        self.blobs.insert(id.to_owned(), bytes.clone());
        bytes
    }

    /// All files that building `folder` (and `more` folders beside it) may read, and a hash of their paths and bytes. A
    /// superset: whole folders, and every text of a kustomization file that is the name of a file or of a folder.
    pub fn closure(&mut self, listing: &Listing, folder: &str, more: &[String]) -> (Listing, String) {
        let mut found = Listing::new();
        let mut seen = BTreeSet::new();
        let mut queue: Vec<String> = more.iter().cloned().chain([folder.to_owned()]).collect();
        while let Some(folder) = queue.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            for (path, id) in below(listing, &folder) {
                found.insert(path.to_owned(), id.to_owned());
                if KUSTOMIZATIONS.contains(&name_of(path)) {
                    self.named(listing, path, id, &mut found, &mut queue);
                }
            }
        }
        let mut hash = Sha256::new();
        for (path, id) in &found {
            hash.update(format!("{id} {path}\n"));
        }
        let hash = hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        (found, hash)
    }

    fn named(
        &mut self,
        listing: &Listing,
        file: &str,
        id: &str,
        found: &mut Listing,
        queue: &mut Vec<String>,
    ) {
        let bytes = self.blob(id);
        let Ok(value) = serde_yaml::from_slice::<serde_json::Value>(&bytes) else { return };
        let mut texts = Vec::new();
        strings(&value, &mut texts);
        for text in texts.iter().flat_map(|text| [text.as_str(), text.rsplit('=').next().unwrap_or("")]) {
            let Some(path) = joined(folder_of(file), text) else { continue };
            if let Some(id) = listing.get(&path) {
                found.insert(path, id.clone());
            } else if below(listing, &path).next().is_some() {
                queue.push(path);
            }
        }
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn strings(value: &serde_json::Value, out: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.len() < 500 => out.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        serde_json::Value::Object(map) => map.values().for_each(|item| strings(item, out)),
        _ => {}
    }
}

/// The files in a folder and below it.
pub fn below<'l>(listing: &'l Listing, folder: &str) -> impl Iterator<Item = (&'l str, &'l str)> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let from = listing.range(prefix.clone()..);
    from.take_while(move |(path, _)| path.starts_with(&prefix)).map(|(path, id)| (path.as_str(), id.as_str()))
}

/// The folder of a path.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A relative path from a folder; `None` if it leaves the tree, and for the tree itself.
pub fn joined(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}
