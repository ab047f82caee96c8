//! Sealed files by the hundred, the firewall, and a scan of history, beside `sops` and `gitleaks`.

use super::generated;
use super::parts::{Missing, Parts, run};
use super::table::{Figure, Table, best, median, shown};
use sealane::seal::{Edit, KeySources, Keyring, Rules, create, edit, held, verify};
use sealane::secret::{DigestKey, SecretText};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SMALL: usize = 100;
const MANY: usize = 500;
const COMMITS: usize = 30_000;
/// How far ahead of `sops` opening must be, and setting one value.
const OPENING: f64 = 20.0;
const SETTING: f64 = 5.0;
/// What each may hold at its peak.
const MEBIBYTES: f64 = 100.0;
const IDENTITY: &str = "keys/demo-ops.agekey";

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let small = Sealed::make(&parts.scratch.path().join("sealed-small"), SMALL)?;
    opening(parts, &small, table)?;
    setting(&small, table)?;
    let many = Sealed::make(&parts.scratch.path().join("sealed-many"), MANY)?;
    resealing(parts, &many, table)?;
    matrix(parts, &many, table)?;
    staged(parts, &many, table)?;
    scan(parts, table)
}

fn broken(error: &dyn std::fmt::Display) -> Missing {
    Missing(error.to_string())
}

/// A repository of small sealed files, of a few keys each.
struct Sealed {
    folder: PathBuf,
    files: Vec<String>,
    key: PathBuf,
    ring: Arc<Keyring>,
}

impl Sealed {
    fn make(folder: &Path, count: usize) -> Result<Self, Missing> {
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join(IDENTITY);
        let ring = Keyring::load(&KeySources { file: Some(key.clone()), ..KeySources::default() });
        let recipient =
            ring.recipients().next().ok_or_else(|| Missing("no identity".to_owned()))?.0.to_owned();
        let text = format!(
            "creation_rules:\n  - path_regex: sops\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age:\n      - {recipient} # ops\n"
        );
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(".sops.yaml"), &text)?;
        let rules = Rules::parse(text.as_bytes(), ".sops.yaml");
        let mut files = Vec::new();
        for number in 0..count {
            let file = format!("apps/app-{number:03}/db-{number:03}.sops.yaml");
            let set = |key: &str| Edit::Set {
                key: key.to_owned(),
                value: SecretText::from_string(format!("{key}-of-{number}")),
            };
            let edits = ["username", "password", "url"].map(set).into();
            let bytes = create(&file, &rules, edits, 1_788_000_000).map_err(|e| broken(&e))?;
            let path = folder.join(&file);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, bytes)?;
            files.push(file);
        }
        for words in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "all"]]
        {
            run(git(folder).args(words))?;
        }
        Ok(Self { folder: folder.to_owned(), files, key, ring: Arc::new(ring) })
    }

    /// The program in this repository, with its key.
    fn program(&self, parts: &Parts) -> Command {
        let mut command = parts.program();
        command.current_dir(&self.folder).env("SOPS_AGE_KEY_FILE", &self.key).arg("--no-cluster");
        command
    }

    fn sops(&self) -> Result<Command, Missing> {
        let mut command = Command::new(Parts::part("sops")?);
        command.arg("--disable-version-check").current_dir(&self.folder).env("SOPS_AGE_KEY_FILE", &self.key);
        Ok(command)
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=Ana", "-c", "user.email=ana@example.test"]);
    command
}

/// Opens and verifies every file, in one process, beside `sops decrypt` for each.
fn opening(parts: &Parts, sealed: &Sealed, table: &mut Table) -> Result<(), Missing> {
    let begun = Instant::now();
    for file in &sealed.files {
        run(sealed.sops()?.arg("decrypt").arg(file))?;
    }
    let theirs = begun.elapsed();
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        for file in &sealed.files {
            let bytes = std::fs::read(sealed.folder.join(file))?;
            verify(&bytes, file, &sealed.ring).map_err(|e| broken(&e))?;
        }
        times.push(begun.elapsed());
    }
    let name = format!("open and verify {SMALL} sealed files");
    ahead(table, &name, median(&times), "in one process", (theirs, "sops decrypt, each"), OPENING);
    let told = measured(sealed.program(parts).args(["audit", "--output", "json"]), &[0])?;
    let opened = told.text.matches("\"opened\": true").count();
    if opened != SMALL {
        return Err(Missing(format!("`audit` opened {opened} of {SMALL} files")));
    }
    ahead(
        table,
        &format!("`audit` of {SMALL} sealed files"),
        told.took,
        "the program",
        (theirs, "sops decrypt, each"),
        OPENING,
    );
    peak(table, "`audit`", &told);
    Ok(())
}

/// Sets one value, from the file on disk to the file on disk, beside `sops set`.
fn setting(sealed: &Sealed, table: &mut Table) -> Result<(), Missing> {
    let Some(file) = sealed.files.first() else { return Ok(()) };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..10 {
        let value = format!("\"value-{number}\"");
        let begun = Instant::now();
        run(sealed.sops()?.arg("set").arg(file).args([r#"["stringData"]["password"]"#, &value]))?;
        theirs.push(begun.elapsed());
    }
    let digests = DigestKey::new([7; 32]);
    for number in 0..10 {
        let begun = Instant::now();
        let ring = Keyring::load(&KeySources { file: Some(sealed.key.clone()), ..KeySources::default() });
        let path = sealed.folder.join(file);
        let value = SecretText::from_string(format!("other-{number}"));
        let edits = vec![Edit::Set { key: "password".to_owned(), value }];
        let bytes =
            edit(&std::fs::read(&path)?, file, &ring, edits, 1_788_000_001).map_err(|e| broken(&e))?;
        std::fs::write(&path, &bytes)?;
        ours.push(begun.elapsed());
        held(&bytes, file, &sealed.ring, &digests).map_err(|e| broken(&e))?;
    }
    run(git(&sealed.folder).args(["checkout", "--quiet", "--", "."]))?;
    let peer = (median(&theirs), "sops set");
    ahead(
        table,
        "set one value in one file",
        median(&ours),
        "opened, set, proved, written; in one process",
        peer,
        SETTING,
    );
    Ok(())
}

/// Plans to seal everything again under new data keys.
fn resealing(parts: &Parts, sealed: &Sealed, table: &mut Table) -> Result<(), Missing> {
    let told = measured(sealed.program(parts).arg("reseal").args(&sealed.files), &[0, 1])?;
    table.time(
        &format!("re-seal {MANY} files with new data keys"),
        told.took,
        Duration::from_secs(3),
        "(the program, its plan printed)",
    );
    peak(table, "`reseal`", &told);
    Ok(())
}

fn matrix(parts: &Parts, sealed: &Sealed, table: &mut Table) -> Result<(), Missing> {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..9 {
        let told = measured(sealed.program(parts).args(["audit", "who"]), &[0])?;
        times.push(told.took);
        last = Some(told);
    }
    table.time(
        &format!("who can read what, {MANY} files"),
        median(&times),
        Duration::from_millis(50),
        "(the program)",
    );
    if let Some(told) = last {
        let rows = told
            .text
            .lines()
            .filter(|line| line.ends_with("sops.yaml") || line.contains(".sops.yaml  ("))
            .count();
        if rows != MANY {
            return Err(Missing(format!("`audit who` told {rows} of {MANY} files")));
        }
        peak(table, "`audit who`", &told);
    }
    Ok(())
}

/// A usual commit: two manifests changed, one sealed file added.
fn staged(parts: &Parts, sealed: &Sealed, table: &mut Table) -> Result<(), Missing> {
    let sample = std::fs::read(sealed.folder.join(sealed.files.first().map_or("", String::as_str)))?;
    std::fs::write(sealed.folder.join("apps/new.sops.yaml"), sample)?;
    for name in ["one", "two"] {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{password: '${{PASSWORD}}'}}\n"
        );
        std::fs::write(sealed.folder.join(format!("apps/{name}.yaml")), text)?;
    }
    run(git(&sealed.folder).args(["add", "--all"]))?;
    let mut times = Vec::new();
    for _ in 0..15 {
        times.push(measured(sealed.program(parts).args(["check", "--staged"]), &[0])?.took);
    }
    let more = format!("(the program; best {})", shown(best(&times)));
    table.time("check --staged of a usual commit", median(&times), Duration::from_millis(30), &more);
    let told = measured(sealed.program(parts).args(["check", "--staged"]), &[0])?;
    peak(table, "`check --staged`", &told);
    Ok(())
}

/// The whole history of what was made and of real repositories, beside `gitleaks git`.
fn scan(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let made = generated::flux(&parts.scratch.path().join("long"), 500, COMMITS, 3)?;
    one(parts, &made.folder, &format!("scan of {} commits", made.commits.len()), table)?;
    let bundles = parts.corpora.join("bundles");
    for entry in std::fs::read_dir(&bundles)?.flatten() {
        let name = entry.file_name().to_string_lossy().replace(".bundle", "");
        let folder = parts.scratch.path().join(format!("scan-{name}"));
        run(Command::new("git").args(["clone", "--quiet"]).arg(entry.path()).arg(&folder))?;
        one(parts, &folder, &format!("scan of {name}"), table)?;
    }
    Ok(())
}

fn one(parts: &Parts, folder: &Path, name: &str, table: &mut Table) -> Result<(), Missing> {
    let mut ours = parts.program();
    let told = measured(ours.args(["scan", "--no-cluster"]).arg(folder), &[0, 1])?;
    let mut theirs = Command::new(Parts::part("gitleaks")?);
    theirs.args(["git", "--no-banner", "--redact", "--exit-code", "0", "--log-level", "error"]).arg(folder);
    let peer = measured(&mut theirs, &[0])?;
    let sum = told.text.lines().last().unwrap_or_default().to_owned();
    ahead(table, name, told.took, &sum, (peer.took, "gitleaks git"), 1.0);
    peak(table, name, &told);
    Ok(())
}

fn ahead(
    table: &mut Table,
    name: &str,
    ours: Duration,
    how: &str,
    (theirs, peer): (Duration, &str),
    times: f64,
) {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    table.add(Figure {
        name: name.to_owned(),
        ours: format!("{} ({how})", shown(ours)),
        limit: if times > 1.0 { format!("1/{times} of the peer") } else { "the peer".to_owned() },
        peer: format!("{} ({peer})", shown(theirs)),
        ratio: format!("{ratio:.1}x"),
        kept: ratio >= times,
    });
}

fn peak(table: &mut Table, name: &str, told: &Told) {
    table.add(Figure {
        name: format!("memory of {name}"),
        ours: format!("{:.1} MiB (the process's peak)", told.mebibytes),
        limit: format!("{MEBIBYTES} MiB"),
        peer: String::new(),
        ratio: String::new(),
        kept: told.mebibytes < MEBIBYTES && told.mebibytes > 0.0,
    });
}

/// What a run of a program said, took and held.
struct Told {
    text: String,
    took: Duration,
    mebibytes: f64,
}

/// Runs a program twice: once for its time, and once for its peak, since looking for that slows it down. `codes` are its exit
/// codes that are right.
fn measured(command: &mut Command, codes: &[i32]) -> Result<Told, Missing> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let output = command.output()?;
    let took = begun.elapsed();
    let (ended, text) = (output.status, String::from_utf8_lossy(&output.stdout).into_owned());
    if !ended.code().is_some_and(|code| codes.contains(&code)) {
        return Err(Missing(format!("{command:?} ended with {ended}: {text}")));
    }
    Ok(Told { text, took, mebibytes: peak_of(command)? })
}

/// The peak of a program in MiB, read from /proc every half millisecond while it runs.
fn peak_of(command: &mut Command) -> Result<f64, Missing> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut kibibytes = 0_u32;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        kibibytes = line.and_then(|n| n.parse().ok()).unwrap_or(0).max(kibibytes);
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(f64::from(kibibytes) / 1024.0)
}
