//! Names of files in git: the input is a tree object as it stands in the store.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealane::git::Repo;
use sealane::model::{CommitId, Revision};
use std::sync::LazyLock;
use tempfile::TempDir;

static FOLDER: LazyLock<(TempDir, Repo)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    git2::Repository::init(folder.path()).expect("a repository");
    let repo = Repo::open(folder.path()).expect("it opens");
    (folder, repo)
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, repo) = &*FOLDER;
    write_and_read(folder, repo, bytes);
});

/// Writes the objects as git stores them and reads them as the program does.
fn write_and_read(folder: &TempDir, repo: &Repo, bytes: &[u8]) {
    let store = git2::Repository::open(folder.path()).expect("it opens");
    let odb = store.odb().expect("a store");
    let Ok(tree) = odb.write(git2::ObjectType::Tree, bytes) else { return };
    let commit = format!("tree {tree}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nfuzz\n");
    let id = odb.write(git2::ObjectType::Commit, commit.as_bytes()).expect("written");
    let id = CommitId::parse(&id.to_string()).expect("an id");
    if let Ok(shown) = repo.tree(Revision::Commit(id)) {
        for (name, _) in shown.list("").ok().flatten().iter().flat_map(|l| l.iter()) {
            assert!(!name.chars().any(char::is_control), "{name:?}");
            assert!(!name.contains('/') && !matches!(&**name, "" | "." | ".." | ".git"), "{name:?}");
            let _ = shown.entry(name);
        }
    }
    for problem in repo.problems(Revision::Commit(id)).into_iter().flatten() {
        let text = problem.to_string();
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
    }
    let _ = repo.changed_by(id);
}
