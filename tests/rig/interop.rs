//! Sealane and the real `sops` open each other's files: 1,000 made-up trees, sealed by each, opened by each, edited by each.

use crate::support::{text, tool};
use crate::trees::{Dice, Made, Rule, made};
use sealane::model::{Opened, Opener as _};
use sealane::seal::{self, Edit, Keyring, KeyringOpener, Rules};
use sealane::secret::{SecretLeaf, SecretText};
use sealane::yaml::{Node, Value};
use serde::Deserialize as _;
use serde_yaml::Value as Yaml;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, thread};

pub const IDENTITY: &str = include_str!("../../keys/demo-ops.agekey");
/// Trees of each run; `SEALANE_TREES_FROM` takes others, `SEALANE_TREES` more or fewer.
const TREES: u64 = 1000;
/// Trees that sops cannot open after it sealed them itself.
static REFUSED_BY_ITSELF: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_thousand_trees_are_sealed_opened_and_edited_by_each_in_turn() {
    let asked = |name: &str| env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (from, trees) = (asked("SEALANE_TREES_FROM").unwrap_or(0), asked("SEALANE_TREES").unwrap_or(TREES));
    let failures = on_two_threads(from..from + trees, |seed| {
        Exchange::new(seed).run().map_err(|cause| format!("tree {seed}: {cause}"))
    });
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n"));
    let refused = REFUSED_BY_ITSELF.load(Ordering::Relaxed);
    assert!(refused <= trees / 7, "sops refused {refused} of its own files");
}

/// Does all of it, two at a time; what failed.
pub fn on_two_threads(all: Range<u64>, one: impl Fn(u64) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicU64::new(all.start);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= all.end {
                return failures;
            }
            failures.extend(one(number).err());
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    })
}

/// Aliases become copies and `<<` a key of its own when sops seals.
#[test]
fn what_sops_makes_of_aliases_and_merge_keys_opens() {
    let mut exchange = Exchange::new(0);
    exchange.made = Made {
        extension: "yaml",
        text: "base: &base\n  user: ana\n  port: 5432\nlist: &l [a, b]\ncopy: *base\nmore: *l\nown:\n  <<: *base\n  user: bob\nbin: !!binary aGVsbG8=\n".to_owned(),
        rule: Rule { field: "", value: "", mac_only: false },
    };
    fs::write(
        exchange.folder.path().join("rules"),
        format!("creation_rules:\n  - age: {}\n", exchange.recipient),
    )
    .expect("rules");
    let sealed = exchange.sops(&["encrypt"], exchange.made.text.as_bytes()).expect("sops seals");
    let wanted = exchange.sops(&["decrypt"], &sealed).expect("sops opens");
    exchange.prints(&sealed, &wanted).expect("printed as sops prints it");
    let path: Vec<Arc<str>> = ["own", "<<", "port"].map(Arc::from).into();
    exchange.holds(&sealed, &path, "5432").expect("the merged value opens");
    let edited = exchange.edited(&sealed, &path, "1").expect("and can be edited");
    let printed = exchange.sops(&["decrypt"], &edited).expect("sops opens the edited file");
    exchange.prints(&edited, &printed).expect("printed as sops prints it");
}

/// One file, given to and fro.
pub struct Exchange {
    seed: u64,
    made: Made,
    pub folder: tempfile::TempDir,
    pub ring: Keyring,
    pub rules: Rules,
    recipient: String,
}

impl Exchange {
    fn new(seed: u64) -> Self {
        let made = made(seed);
        let Rule { field, value, mac_only } = made.rule;
        let mut rules = format!("    mac_only_encrypted: {mac_only}\n");
        if !field.is_empty() {
            rules.push_str(&["    ", field, ": '", value, "'\n"].concat());
        }
        Self::under(seed, made, &rules, IDENTITY, None)
    }

    /// A file under one rule, with these identities at hand. `keys` says who may open it, else who holds [`IDENTITY`].
    pub fn under(seed: u64, made: Made, rule: &str, identities: &str, keys: Option<&str>) -> Self {
        let mut ring = Keyring::default();
        ring.add_text(identities, "keys");
        let recipient = ring.recipients().next().expect("an identity").0.to_owned();
        let age = format!("  - age: {recipient}\n");
        let rules = format!("creation_rules:\n{}{rule}", keys.unwrap_or(&age));
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key"), identities).expect("the key is written");
        fs::write(folder.path().join("rules"), &rules).expect("the rules are written");
        let bare = format!(
            "creation_rules: [{{age: {recipient}, encrypted_regex: ^nothing$, mac_only_encrypted: true}}]\n"
        );
        fs::write(folder.path().join("bare"), bare).expect("the rules are written");
        let rules = Rules::parse(rules.as_bytes(), ".sops.yaml");
        Self { seed, made, folder, ring, rules, recipient }
    }

    /// The file's name, which gives its format.
    pub fn name(&self) -> String {
        format!("tree.{}", self.made.extension)
    }

    fn run(&self) -> Result<(), String> {
        let explain = |what: &str| {
            let what = what.to_owned();
            move |cause: String| format!("{what}: {cause}")
        };
        let name = format!("tree.{}", self.made.extension);
        let plain = self.made.text.as_bytes();
        let context = |cause: String| format!("{cause}\n{:?}\n--- plain\n{}", self.made.rule, self.made.text);

        // Sealed by sops, opened by us, and printed as sops prints it.
        let theirs = self.sops(&["encrypt"], plain).map_err(explain("sops seals")).map_err(context)?;
        let mut holds = None;
        match self.sops(&["decrypt"], &theirs) {
            Ok(wanted) => {
                self.opens(&theirs, &wanted).map_err(explain("we open theirs")).map_err(context)?;
                self.prints(&theirs, &wanted)
                    .map_err(|c| format!("{c}--- theirs\n{}", text(&theirs)))
                    .map_err(context)?;
                holds = Some(wanted).filter(|_| !self.is_odd());
            }
            Err(_) if self.is_odd() => {
                REFUSED_BY_ITSELF.fetch_add(1, Ordering::Relaxed);
            }
            Err(cause) => return Err(context(format!("sops opens its own: {cause}"))),
        }

        // What an odd tree holds: sops prints it after a way through a file in which nothing is sealed.
        let holds = if let Some(holds) = holds {
            holds
        } else {
            let bare = self.sops_by("bare", &["encrypt"], plain);
            let bare = bare.map_err(explain("sops reads")).map_err(context)?;
            self.sops(&["decrypt"], &bare).map_err(explain("sops prints")).map_err(context)?
        };

        // Sealed by us, opened by sops.
        let ours = seal::seal_plain(plain, &name, &self.rules, 1_700_000_000)
            .map_err(|p| p.to_string())
            .map_err(explain("we seal"))
            .map_err(context)?;
        let shown = |cause: String| context(format!("{cause}\n--- ours\n{}", text(&ours)));
        let got = self.sops(&["decrypt"], &ours).map_err(explain("sops opens ours")).map_err(shown)?;
        self.same(&got, &holds).map_err(explain("ours opened by sops")).map_err(shown)?;
        self.opens(&ours, &got).map_err(explain("we open ours")).map_err(shown)?;

        // Edited by us, then by sops; edited by sops, then by us.
        let path = self.target(&ours).ok_or_else(|| context("no leaf to edit".to_owned()))?;
        let once = self.edited(&ours, &path, "changed by Sealane").map_err(context)?;
        one_line(&ours, &once, &path).map_err(context)?;
        let twice = self.set(&once, &path, "changed by sops").map_err(context)?;
        if self.is_odd() && self.sops(&["decrypt"], &twice).is_err() {
            REFUSED_BY_ITSELF.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.holds(&twice, &path, "changed by sops").map_err(explain("sops edits ours")).map_err(context)?;
        let third = self.edited(&twice, &path, "third 🔑\nline").map_err(context)?;
        one_line(&twice, &third, &path).map_err(context)?;
        let opened =
            self.sops(&["decrypt"], &third).map_err(explain("sops opens the edited")).map_err(context)?;
        self.opens(&third, &opened).map_err(explain("edited twice")).map_err(context)?;
        self.holds(&third, &path, "third 🔑\nline").map_err(context)
    }

    /// Where comments rule, sops moves some and may not be able to open its own file any more; `-0.0` it reads as 0.
    fn is_odd(&self) -> bool {
        self.made.rule.field.contains("comment") || self.made.text.contains("-0.0")
    }

    /// Runs sops over a file of its own folder and answers what it prints.
    pub fn sops(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        self.sops_by("rules", words, input)
    }

    /// The same under other rules.
    fn sops_by(&self, rules: &str, words: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let file = self.write(input);
        let output = self.command(rules, words).arg(&file).output().expect("sops runs");
        if output.status.success() { Ok(output.stdout) } else { Err(text(&output.stderr)) }
    }

    pub fn write(&self, content: &[u8]) -> PathBuf {
        let file = self.folder.path().join(format!("tree.{}", self.made.extension));
        fs::write(&file, content).expect("the file is written");
        file
    }

    pub fn command(&self, rules: &str, words: &[&str]) -> Command {
        let mut command = Command::new(tool("sops"));
        command.args(["--disable-version-check", "--config"]).arg(self.folder.path().join(rules));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.folder.path()).env("SOPS_AGE_KEY_FILE", self.folder.path().join("key"));
        command
    }

    /// `sops set` of one string.
    pub fn set(&self, bytes: &[u8], path: &[Arc<str>], value: &str) -> Result<Vec<u8>, String> {
        let file = self.write(bytes);
        let place =
            path.iter().fold(String::new(), |place, key| format!("{place}[{}]", serde_json::json!(&**key)));
        let value = serde_json::json!(value).to_string();
        let output =
            self.command("rules", &["set"]).arg(&file).args([place, value]).output().expect("sops runs");
        if !output.status.success() {
            return Err(format!("sops set: {}", text(&output.stderr)));
        }
        Ok(fs::read(&file).expect("the file is there"))
    }

    pub fn edited(&self, bytes: &[u8], path: &[Arc<str>], value: &str) -> Result<Vec<u8>, String> {
        let value = SecretText::from_string(value.to_owned());
        let edit = Edit::SetAt { document: 0, path: path.to_vec(), value };
        let name = format!("tree.{}", self.made.extension);
        seal::edit(bytes, &name, &self.ring, vec![edit], 1_800_000_000)
            .map_err(|p| format!("we edit {path:?}: {p}"))
    }

    /// One of the sealed leaves of the first document that no list holds.
    fn target(&self, bytes: &[u8]) -> Option<Vec<Arc<str>>> {
        let open = seal::open(bytes, "tree", &self.ring).ok()?;
        let mut found = Vec::new();
        sealed_paths(open.documents.first()?, &mut Vec::new(), &mut found);
        let chosen = Dice::new(self.seed + 7).below(found.len().max(1));
        found.into_iter().nth(chosen)
    }

    /// Our reader finds what sops printed, and a MAC that fits.
    pub fn opens(&self, sealed: &[u8], printed: &[u8]) -> Result<(), String> {
        let open = seal::open(sealed, &format!("tree.{}", self.made.extension), &self.ring)
            .map_err(|e| e.0.to_string())?;
        let wanted = documents(printed, Path::new(self.made.extension))?;
        if open.documents.len() != wanted.len() {
            return Err(format!("{} documents instead of {}", open.documents.len(), wanted.len()));
        }
        open.documents.iter().zip(&wanted).try_for_each(|(node, yaml)| equal(node, yaml, "$"))
    }

    pub fn holds(&self, sealed: &[u8], path: &[Arc<str>], value: &str) -> Result<(), String> {
        let open = seal::open(sealed, &self.name(), &self.ring).map_err(|e| e.0.to_string())?;
        let path: Vec<&str> = path.iter().map(|p| &**p).collect();
        match open.documents[0].at_path(&path).map(|node| &node.value) {
            Some(Value::Secret(SecretLeaf::Text(text))) if text.expose_secret() == value.as_bytes() => Ok(()),
            _ => Err(format!("{path:?} does not hold what was set")),
        }
    }

    /// What a generator of Flux would get of a file is what sops prints, to the byte.
    pub fn prints(&self, sealed: &[u8], wanted: &[u8]) -> Result<(), String> {
        let mut ring = Keyring::default();
        let identities = fs::read_to_string(self.folder.path().join("key")).expect("the key is there");
        ring.add_text(&identities, "keys");
        let format = seal::format_of(&self.name());
        let opened = KeyringOpener::new(Arc::new(ring))
            .open_file(sealed, "tree", format)
            .map_err(|e| e.0.to_string())?;
        let Opened::Plain(opened) = opened else { return Err("not taken for sealed".to_owned()) };
        let (got, wanted) = (text(opened.expose_secret()), text(wanted));
        if got == wanted { Ok(()) } else { Err(format!("we print\n{}", diff(&wanted, &got))) }
    }

    /// Two files that sops printed hold the same values and the same comments, wherever it moved them.
    pub fn same(&self, got: &[u8], wanted: &[u8]) -> Result<(), String> {
        let (values, expected) = (
            documents(got, Path::new(self.made.extension))?,
            documents(wanted, Path::new(self.made.extension))?,
        );
        let (got, wanted) = (text(got), text(wanted));
        if values != expected
            && format!("{values:?}").replace("-0.0", "0") != format!("{expected:?}").replace("-0.0", "0")
        {
            return Err(format!("other values\n{}", diff(&wanted, &got)));
        }
        // sops drops some comments of lists when it prints; what it prints, it has opened.
        let count = |text: &str| text.matches("# what it is").count();
        if got.contains("ENC[AES256_GCM") || count(&got) != count(&wanted) {
            return Err(format!("comments that were not opened\n{}", diff(&wanted, &got)));
        }
        Ok(())
    }
}

/// One value, `mac` and `lastmodified` (and their copies in other documents) are all that changed.
pub fn one_line(before: &[u8], after: &[u8], path: &[Arc<str>]) -> Result<(), String> {
    let (before, after) = (text(before), text(after));
    let diff = similar::TextDiff::from_lines(&before, &after);
    let kept = |line: &str| {
        line.trim_start().trim_start_matches('"').starts_with("mac") || line.contains("lastmodified")
    };
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes().filter(|c| !kept(c.value())) {
        match change.tag() {
            similar::ChangeTag::Delete => gone.push(change.value().to_owned()),
            similar::ChangeTag::Insert => new.push(change.value().to_owned()),
            similar::ChangeTag::Equal => {}
        }
    }
    // The value itself: on the line of its key, or (in one-line JSON and `{}`) inside a longer line.
    let masked =
        |line: &str| line.split("ENC[").map(|p| p.split_once(']').map_or(p, |(_, r)| r)).collect::<String>();
    let same_but_values = gone.len() == 1 && new.len() == 1 && masked(&gone[0]) == masked(&new[0]);
    let values = |line: &str| {
        line.split("ENC[").skip(1).map(|p| p.split(']').next().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let (old_values, new_values) = (gone.iter().flat_map(|l| values(l)), new.iter().flat_map(|l| values(l)));
    let changed = old_values.zip(new_values).filter(|(a, b)| a != b).count();
    // A file on one line holds its MAC on it too.
    let most = if before.lines().count() == 1 { 2 } else { 1 };
    if same_but_values && (1..=most).contains(&changed) {
        return Ok(());
    }
    Err(format!("the edit of {path:?} changed\n{}--- to\n{}", gone.concat(), new.concat()))
}

pub fn diff(wanted: &str, got: &str) -> String {
    similar::TextDiff::from_lines(wanted, got).unified_diff().header("wanted", "got").to_string()
}

fn sealed_paths(node: &Node, path: &mut Vec<Arc<str>>, found: &mut Vec<Vec<Arc<str>>>) {
    match &node.value {
        Value::Map(map) => {
            for entry in &map.entries {
                path.push(entry.key.text.clone());
                sealed_paths(&entry.value, path, found);
                path.pop();
            }
        }
        Value::Secret(_) => found.push(path.clone()),
        _ => {}
    }
}

/// What sops printed, read by somebody else's reader.
fn documents(printed: &[u8], extension: &Path) -> Result<Vec<Yaml>, String> {
    if extension.as_os_str() == "json" {
        return serde_json::from_slice(printed).map(|value| vec![value]).map_err(|e| e.to_string());
    }
    serde_yaml::Deserializer::from_slice(printed)
        .map(|document| Yaml::deserialize(document).map_err(|e| e.to_string()))
        .collect()
}

fn equal(node: &Node, yaml: &Yaml, path: &str) -> Result<(), String> {
    let differs = || Err(format!("{path} differs from what sops printed: {yaml:?} {node:?}"));
    match (&node.value, yaml) {
        (Value::Map(map), Yaml::Mapping(wanted)) => {
            if map.len() != wanted.len() {
                return differs();
            }
            map.iter().try_for_each(|(key, value)| match wanted.get(key) {
                Some(wanted) => equal(value, wanted, &format!("{path}.{key}")),
                None => Err(format!("{path}.{key} is not printed by sops")),
            })
        }
        (Value::Seq(items), Yaml::Sequence(wanted)) => {
            if items.len() != wanted.len() {
                return differs();
            }
            items
                .iter()
                .zip(wanted)
                .enumerate()
                .try_for_each(|(i, (a, b))| equal(a, b, &format!("{path}[{i}]")))
        }
        (Value::Secret(SecretLeaf::Text(text)), wanted) => {
            let Some(text) = text.expose_secret_str() else { return differs() };
            if scalar_equals(text, wanted) { Ok(()) } else { differs() }
        }
        (Value::Scalar(_), Yaml::Null) if node.is_null() => Ok(()),
        (Value::Scalar(scalar), wanted) => {
            // What stands in the clear was checked by the MAC; strings are compared here as well.
            match wanted {
                Yaml::String(wanted)
                    if node.as_str().is_some() && scalar.kind == sealane::yaml::ScalarKind::Str =>
                {
                    if *wanted == *scalar.text { Ok(()) } else { differs() }
                }
                Yaml::Mapping(_) | Yaml::Sequence(_) | Yaml::Null => differs(),
                _ => Ok(()),
            }
        }
        _ => differs(),
    }
}

/// The bytes that were sealed, against a value that was printed.
fn scalar_equals(text: &str, wanted: &Yaml) -> bool {
    match wanted {
        Yaml::String(wanted) => text == wanted,
        Yaml::Bool(yes) => text == if *yes { "True" } else { "False" },
        Yaml::Number(number) => {
            let parsed = match text {
                "+Inf" => Some(f64::INFINITY),
                "-Inf" => Some(f64::NEG_INFINITY),
                "NaN" => Some(f64::NAN),
                _ => text.parse().ok(),
            };
            match (parsed, number.as_f64()) {
                // Shortest digits read back to the same number; only minus zero has two spellings.
                (Some(a), Some(b)) => {
                    a.total_cmp(&b).is_eq()
                        || (a.is_nan() && b.is_nan())
                        || a.abs().max(b.abs()) < f64::MIN_POSITIVE
                }
                _ => false,
            }
        }
        _ => false,
    }
}
