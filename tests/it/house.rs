//! The house: which room may import which, where foreign crates may be named, and who may look at secrets.
//!
//! The table is that of `ARCHITECTURE.md`. A test that fails names the line that breaks a rule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms with the rooms and the foreign crates they may name. `std` and [`EVERYWHERE`] are free.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("secret", &[], &["hmac", "sha2", "base64", "zeroize", "secrecy"]),
    ("yaml", &["secret"], &[]),
    ("model", &["yaml", "secret"], &[]),
    ("git", GROUND, &["git2", "tempfile", "rustix"]),
    ("render", GROUND, &["sha2", "base64", "regex", "zeroize"]),
    (
        "cluster",
        GROUND,
        &[
            "kube",
            "k8s_openapi",
            "tower",
            "tokio",
            "tokio_util",
            "futures",
            "http",
            "http_body",
            "http_body_util",
            "bytes",
            "jiff",
            "zeroize",
            "hyper_util",
            "rustls",
        ],
    ),
    ("controllers", GROUND, &["regex"]),
    ("health", GROUND, &["jiff"]),
    ("diff", GROUND, &["similar", "jiff", "base64", "regex"]),
    (
        "seal",
        GROUND,
        &[
            "age",
            "age_core",
            "aes_gcm",
            "bech32",
            "getrandom",
            "hpke",
            "ml_kem",
            "rand_core",
            "sha2",
            "sha3",
            "base64",
            "regex",
            "rsa",
            "rustix",
            "x25519_dalek",
            "x509_cert",
            "zeroize",
            "secrecy",
            "jiff",
        ],
    ),
    ("workspace", TRADES_AND_GROUND, &["tokio", "tokio_util", "futures", "similar", "jiff", "regex"]),
    ("config", GROUND, &["serde_yaml", "directories"]),
    (
        "tui",
        FACE,
        &[
            "ratatui",
            "crossterm",
            "tokio",
            "tokio_util",
            "futures",
            "nucleo_matcher",
            "arboard",
            "base64",
            "unicode_segmentation",
            "unicode_width",
            "jiff",
            "rustix",
            "zeroize",
        ],
    ),
    (
        "cli",
        FACE,
        &["clap", "clap_complete", "clap_mangen", "tokio", "tokio_util", "jiff", "rustix", "zeroize"],
    ),
    (
        "demo",
        &[
            "model",
            "yaml",
            "secret",
            "git",
            "render",
            "cluster",
            "controllers",
            "health",
            "diff",
            "seal",
            "workspace",
        ],
        &[
            "tokio",
            "tokio_util",
            "tower",
            "http",
            "http_body",
            "http_body_util",
            "hyper",
            "hyper_util",
            "bytes",
            "futures",
            "jiff",
            "tempfile",
            "base64",
            "sha2",
            "zeroize",
        ],
    ),
    (
        "main",
        &["tui", "cli", "demo", "config", "workspace", "model"],
        &["tokio", "anyhow", "clap", "tracing_subscriber", "secmem_proc", "directories"],
    ),
    ("lib", &[], &[]),
];

const GROUND: &[&str] = &["model", "yaml", "secret"];
const TRADES_AND_GROUND: &[&str] = &[
    "model",
    "yaml",
    "secret",
    "git",
    "render",
    "cluster",
    "controllers",
    "health",
    "diff",
    "seal",
    "config",
];
const FACE: &[&str] = &["workspace", "model", "yaml", "secret", "config"];
const EVERYWHERE: &[&str] = &["serde", "serde_json", "thiserror", "tracing", "indexmap"];
const FOREIGN: &[&str] = &[
    "aes_gcm",
    "age",
    "age_core",
    "anyhow",
    "arboard",
    "base64",
    "bech32",
    "bytes",
    "clap",
    "clap_complete",
    "clap_mangen",
    "crossterm",
    "directories",
    "futures",
    "git2",
    "hmac",
    "hpke",
    "http",
    "http_body",
    "http_body_util",
    "hyper",
    "hyper_util",
    "jiff",
    "k8s_openapi",
    "kube",
    "ml_kem",
    "nucleo_matcher",
    "rand_core",
    "ratatui",
    "regex",
    "rsa",
    "rustix",
    "secmem_proc",
    "secrecy",
    "serde_yaml",
    "sha2",
    "sha3",
    "similar",
    "tempfile",
    "tokio",
    "tokio_util",
    "tower",
    "tracing_subscriber",
    "unicode_width",
    "x509_cert",
    "x25519_dalek",
    "zeroize",
];

/// The files that may look at plaintext. Each has its reason in its first line.
const EXPOSING: &[&str] = &[
    "src/secret/text.rs",
    "src/secret/digest.rs",
    "src/render/reveal.rs",
    "src/render/kustomize/reveal.rs",
    "src/seal/",
    "src/cli/terminal.rs",
    "src/tui/screen/seal.rs",
    "src/tui/secret_input.rs",
    "src/demo/reveal.rs",
];

/// Names that say nothing about what lives in a file.
const NAMELESS: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "core", "misc"];

#[derive(Debug, PartialEq, Eq)]
struct Breach {
    place: String,
    rule: String,
}

fn breaches(path: &str, text: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut breach =
        |line: usize, rule: String| found.push(Breach { place: format!("{path}:{}", line + 1), rule });
    let room = room_of(path);
    let Some((_, rooms, crates)) = ROOMS.iter().find(|(name, ..)| *name == room) else {
        breach(0, format!("`{room}` is no room of the house"));
        return found;
    };
    if !text.starts_with("//!") {
        breach(0, "a file opens with a `//!` line that says its job".to_owned());
    }
    let stem = Path::new(path).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if NAMELESS.contains(&stem) {
        breach(0, format!("`{stem}` does not say what lives here"));
    }
    let own = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    for (number, line) in own.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for word in after(code, "crate::").into_iter().chain(if room == "main" {
            after(code, "sealane::")
        } else {
            vec![]
        }) {
            if word != room && ROOMS.iter().any(|(name, ..)| *name == word) && !rooms.contains(&word.as_str())
            {
                breach(number, format!("`{room}` must not import `{word}`"));
            }
        }
        for name in FOREIGN {
            let named = paths(code).iter().any(|p| p == name);
            if named && !crates.contains(name) && !EVERYWHERE.contains(name) {
                breach(number, format!("`{room}` must not name the crate `{name}`"));
            }
        }
        if code.contains("expose_secret") && !EXPOSING.iter().any(|f| path.starts_with(f)) {
            breach(number, "only the files of `EXPOSING` may look at plaintext".to_owned());
        }
    }
    found
}

fn room_of(path: &str) -> String {
    let inside = path.trim_start_matches("src/");
    inside.split(['/', '.']).next().unwrap_or_default().to_owned()
}

/// The identifiers that directly follow `prefix`, also in `crate::{a, b::c}`.
fn after(code: &str, prefix: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            words.extend(list.split(',').map(|part| identifier(part.trim())));
        } else {
            words.push(identifier(rest));
        }
    }
    words
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// First segments of the paths in a line: `kube::Api` gives `kube`; so does `use kube;`.
fn paths(code: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let word: String = before
            .chars()
            .rev()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let start = before.len() - word.len();
        if !before[..start].ends_with("::") {
            found.push(word);
        }
    }
    if let Some(rest) = code.trim_start().trim_start_matches("pub ").strip_prefix("use ") {
        found.push(identifier(rest));
    }
    found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Files and folders that exist in tests only: their parent declares them under `#[cfg(test)]`.
fn test_only(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source file is text");
        let folder = match file.file_stem().and_then(|s| s.to_str()) {
            Some("mod" | "lib" | "main") | None => file.parent().expect("inside src").to_owned(),
            Some(_) => file.with_extension(""),
        };
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let next = lines.next().unwrap_or_default();
            if let Some(name) = next.split("mod ").nth(1).and_then(|n| n.strip_suffix(';')) {
                found.push(folder.join(format!("{name}.rs")));
                found.push(folder.join(name));
            }
        }
    }
    found
}

#[test]
fn every_file_keeps_to_its_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 20, "the sources were found");
    let mut all = Vec::new();
    let tests = test_only(&files);
    for file in files.into_iter().filter(|f| !tests.iter().any(|t| f.starts_with(t))) {
        let text = std::fs::read_to_string(&file).expect("a source file is text");
        let path = file.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        all.extend(breaches(&path, &text));
    }
    let report: Vec<String> = all.iter().map(|b| format!("{}: {}", b.place, b.rule)).collect();
    assert!(all.is_empty(), "{} breaches:\n{}", all.len(), report.join("\n"));
}

#[test]
fn a_breach_is_named_with_its_line() {
    let cases: BTreeMap<&str, (&str, &str, &str)> = [
        ("a sibling", ("src/diff/a.rs", "//! x\nuse crate::render::build;\n", "src/diff/a.rs:2")),
        (
            "a sibling in a list",
            ("src/git/a.rs", "//! x\nuse crate::{model::Tree, cluster};\n", "src/git/a.rs:2"),
        ),
        (
            "a face imports a trade",
            ("src/tui/a.rs", "//! x\nfn f() { crate::git::open() }\n", "src/tui/a.rs:2"),
        ),
        ("the ground looks up", ("src/model/a.rs", "//! x\nuse crate::diff::diff;\n", "src/model/a.rs:2")),
        ("a foreign crate", ("src/render/a.rs", "//! x\n\nuse git2::Repository;\n", "src/render/a.rs:3")),
        ("a foreign path", ("src/cli/a.rs", "//! x\nfn f() { ratatui::init(); }\n", "src/cli/a.rs:2")),
        (
            "a look at plaintext",
            ("src/cluster/a.rs", "//! x\nlet t = s.expose_secret();\n", "src/cluster/a.rs:2"),
        ),
        ("no first line", ("src/git/a.rs", "use std::fs;\n", "src/git/a.rs:1")),
        ("no name", ("src/git/utils.rs", "//! x\n", "src/git/utils.rs:1")),
        ("no room", ("src/shed/a.rs", "//! x\n", "src/shed/a.rs:1")),
    ]
    .into();
    for (name, (path, text, place)) in cases {
        let found = breaches(path, text);
        assert_eq!(found.first().map(|b| b.place.as_str()), Some(place), "{name}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    let text = "//! x\nuse crate::model::Tree;\nuse super::b;\nuse std::fs;\nuse git2::Oid;\n// crate::render in prose\n\
                #[cfg(test)]\nmod tests {\n    use crate::demo::x;\n}\n";
    assert_eq!(breaches("src/git/a.rs", text), []);
}
