//! What Sealane says about real repositories, held against what the real tools say. `just conformance` runs it with
//! `SEALANE_CORPORA` naming a folder of repositories (`owner__name/`) and of expected results (`expected/`).
//!
//! Without that folder every test here fails: a suite that had nothing to look at has proven nothing.

use std::env;
use std::path::PathBuf;

/// The folder of real repositories.
fn corpora() -> PathBuf {
    let folder = env::var_os("SEALANE_CORPORA")
        .map(PathBuf::from)
        .expect("SEALANE_CORPORA names no folder: run `just conformance`");
    assert!(folder.is_dir(), "SEALANE_CORPORA: {} is not a folder", folder.display());
    folder
}

#[test]
fn the_index_names_repositories_that_are_there() {
    let corpora = corpora();
    let index =
        std::fs::read_to_string(corpora.join("expected/index.tsv")).expect("expected/index.tsv can be read");
    let mut rows = 0;
    for row in index.lines().skip(1) {
        let repository = row.split('\t').next().unwrap_or_default();
        assert!(
            corpora.join(repository).is_dir(),
            "index.tsv names {repository}, which is not in {}",
            corpora.display()
        );
        rows += 1;
    }
    assert!(rows > 1000, "index.tsv has {rows} rows only");
}
