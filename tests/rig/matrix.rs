//! Every format × selector × MAC mode × key group × way to write a value: made by the real `sops` and by us, each opened,
//! edited, rotated and opened again by the other.

use crate::interop::{Exchange, IDENTITY, diff, on_two_threads};
use crate::support::text;
use crate::trees::{BLOCKS, Made, Rule, SCALARS};
use sealane::seal;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DEV: &str = include_str!("../../keys/demo-flux-dev.agekey");
const PROD: &str = include_str!("../../keys/demo-flux-prod.agekey");
const STAGING: &str = include_str!("../../keys/demo-flux-staging.agekey");

const SELECTORS: [(&str, &str); 7] = [
    ("", ""),
    ("encrypted_regex", "^(data|stringData|sure_.*)$"),
    ("encrypted_suffix", "_enc"),
    ("unencrypted_regex", "^(kind|apiVersion|meta.*)$"),
    ("unencrypted_suffix", "_plain"),
    ("encrypted_comment_regex", "seal:this"),
    ("unencrypted_comment_regex", "leave:this"),
];

/// Who may open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Groups {
    One,
    TwoRecipients,
    /// Two groups that have to work together.
    Both,
    /// Two of three groups, one of which is not at hand.
    TwoOfThree,
}

const GROUPS: [Groups; 4] = [Groups::One, Groups::TwoRecipients, Groups::Both, Groups::TwoOfThree];

#[derive(Clone, Copy, Debug)]
struct Case {
    extension: &'static str,
    selector: (&'static str, &'static str),
    mac_only: bool,
    groups: Groups,
    /// Which of the ways to write values.
    variant: usize,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (extension, variants) in [("yaml", 4), ("json", 3), ("env", 2), ("ini", 2)] {
        for selector in SELECTORS {
            // JSON has no comments.
            if extension == "json" && selector.0.contains("comment") {
                continue;
            }
            for mac_only in [false, true] {
                for groups in GROUPS {
                    let case = |variant| Case { extension, selector, mac_only, groups, variant };
                    cases.extend((0..variants).map(case));
                }
            }
        }
    }
    for groups in GROUPS {
        let case =
            |variant| Case { extension: "bin", selector: SELECTORS[1], mac_only: true, groups, variant };
        cases.extend((0..5).map(case));
    }
    cases
}

/// Files that sops cannot open after it sealed or changed them itself.
static REFUSED_BY_ITSELF: AtomicU64 = AtomicU64::new(0);

#[test]
fn every_kind_of_file_is_opened_edited_and_rotated_by_each_in_turn() {
    let cases = cases();
    assert!(cases.len() >= 500, "{} files", cases.len());
    let failures = on_two_threads(0..cases.len() as u64, |number| {
        let case = cases[usize::try_from(number).expect("a small number")];
        case.run().map_err(|cause| format!("{number} {case:?}: {cause}"))
    });
    assert!(failures.is_empty(), "{} of {} failed\n{}", failures.len(), cases.len(), failures.join("\n\n"));
    let refused = REFUSED_BY_ITSELF.load(Ordering::Relaxed);
    println!("{} files to and fro; sops refused {refused} of its own", cases.len());
    assert!(refused <= cases.len() as u64 / 10, "sops refused {refused} of its own files");
}

impl Case {
    fn run(self) -> Result<(), String> {
        let plain = self.plain();
        let shown = |cause: String| format!("{cause}\n--- plain\n{}", text(&plain));
        self.exchange(&plain).map_err(shown)
    }

    fn exchange(self, plain: &[u8]) -> Result<(), String> {
        let exchange = self.place();
        let name = exchange.name();
        let told = |what: &'static str| move |cause: String| format!("{what}: {cause}");
        let ours = seal::seal_plain(plain, &name, &exchange.rules, 1_700_000_000)
            .map_err(|p| format!("we seal: {p}"))?;

        // Made by sops: opened, edited and rotated by us, opened by sops.
        let theirs = exchange.sops(&["encrypt"], plain).map_err(told("sops seals"))?;
        let holds = match exchange.sops(&["decrypt"], &theirs) {
            Ok(holds) => {
                exchange.prints(&theirs, &holds).map_err(told("we open theirs"))?;
                self.changed_by_us(&exchange, &theirs)?;
                Some(holds)
            }
            Err(_) if self.is_odd() => {
                REFUSED_BY_ITSELF.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(cause) => return Err(format!("sops opens its own: {cause}")),
        };

        // Made by us: opened, edited and rotated by sops, opened by us.
        let shown = |cause: String| format!("{cause}\n--- ours\n{}", text(&ours));
        let got = exchange.sops(&["decrypt"], &ours).map_err(told("sops opens ours")).map_err(shown)?;
        exchange.prints(&ours, &got).map_err(told("we open ours")).map_err(shown)?;
        if let Some(holds) = holds.filter(|_| !self.is_odd()) {
            self.is_same(&exchange, &got, &holds).map_err(told("ours opened by sops")).map_err(shown)?;
        }
        let file = exchange.folder.path().join(&name);
        let path = self.target();
        exchange.set(&ours, &path, "changed by sops").map_err(shown)?;
        let rotated = exchange.command("rules", &["rotate", "--in-place"]).arg(&file).output();
        let rotated = rotated.map_err(|e| e.to_string())?;
        if !rotated.status.success() && self.is_odd() {
            REFUSED_BY_ITSELF.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if !rotated.status.success() {
            return Err(format!("sops rotates ours: {}", text(&rotated.stderr)));
        }
        let last = fs::read(&file).map_err(|e| e.to_string())?;
        exchange.holds(&last, &path, "changed by sops").map_err(told("what sops made of ours"))
    }

    /// One value set, then a new data key.
    fn changed_by_us(self, exchange: &Exchange, theirs: &[u8]) -> Result<(), String> {
        let name = exchange.name();
        let path = self.target();
        let value = "changed by Sealane\nand \"quoted\" = 🔑 #";
        let edited = exchange.edited(theirs, &path, value)?;
        lines_changed(theirs, &edited).map_err(|c| format!("the edit changed {c}"))?;
        let rotated = seal::reseal(&edited, &name, &exchange.ring, &exchange.rules, 1_800_000_000)
            .map_err(|p| format!("we rotate: {p}"))?;
        let kept = ciphertexts(&edited).into_iter().filter(|c| text(&rotated).contains(c)).count();
        if kept > 0 {
            return Err(format!("{kept} values kept their ciphertext under a new data key"));
        }
        let opened = exchange
            .sops(&["decrypt"], &rotated)
            .map_err(|c| format!("sops opens what we changed: {c}\n{}", text(&rotated)))?;
        exchange.prints(&rotated, &opened)?;
        exchange.holds(&rotated, &path, value)
    }

    /// What sops prints of both is the same; it moves comments of YAML.
    fn is_same(self, exchange: &Exchange, got: &[u8], holds: &[u8]) -> Result<(), String> {
        match self.extension {
            "yaml" => exchange.same(got, holds),
            _ if got == holds => Ok(()),
            _ => Err(diff(&text(holds), &text(got))),
        }
    }

    /// Where comments rule, sops may not be able to open its own file any more.
    fn is_odd(self) -> bool {
        self.selector.0.contains("comment") && self.extension != "bin"
    }

    fn place(self) -> Exchange {
        let public = |identity: &str| {
            let line = identity.lines().find_map(|l| l.split_whitespace().find(|w| w.starts_with("age1")));
            line.expect("the recipient stands in a comment").to_owned()
        };
        let [ops, dev, prod, staging] = [IDENTITY, DEV, PROD, STAGING].map(public);
        let (keys, identities) = match self.groups {
            Groups::One => (format!("  - age: {ops}\n"), IDENTITY.to_owned()),
            Groups::TwoRecipients => (format!("  - age: [{dev}, {ops}]\n"), IDENTITY.to_owned()),
            Groups::Both => (
                format!("  - key_groups:\n      - age: [{dev}, {prod}]\n      - age: [{ops}]\n"),
                [IDENTITY, PROD].concat(),
            ),
            Groups::TwoOfThree => (
                format!(
                    "  - shamir_threshold: 2\n    key_groups:\n      - age: [{dev}]\n      - age: [{staging}]\n      - age: [{ops}]\n"
                ),
                [IDENTITY, DEV].concat(),
            ),
        };
        let mut rule = format!("    mac_only_encrypted: {}\n", self.mac_only);
        if !self.selector.0.is_empty() {
            rule.push_str(&["    ", self.selector.0, ": '", self.selector.1, "'\n"].concat());
        }
        let made = Made {
            extension: self.extension,
            text: String::new(),
            rule: Rule { field: self.selector.0, value: self.selector.1, mac_only: self.mac_only },
        };
        Exchange::under(0, made, &rule, &identities, Some(&keys))
    }

    /// A value that each selector seals.
    fn target(self) -> Vec<Arc<str>> {
        let path: &[&str] = match self.extension {
            "env" => &["sure_enc"],
            "bin" => &["data"],
            _ => &["stringData", "sure_enc"],
        };
        path.iter().map(|key| Arc::from(*key)).collect()
    }

    fn plain(self) -> Vec<u8> {
        match self.extension {
            "yaml" => yaml(self.variant).into_bytes(),
            "json" => json(self.variant).into_bytes(),
            "env" => dotenv(self.variant).into_bytes(),
            "ini" => ini(self.variant).into_bytes(),
            _ => binary(self.variant),
        }
    }
}

/// A quarter of the ways to write a scalar, in mappings and lists.
fn yaml(variant: usize) -> String {
    let mut text = String::from(
        "# head\napiVersion: v1\nkind: Secret # what it is\nmetadata:\n  name: made\n# seal:this\nstringData:\n  sure_enc: certain\n  other: one\n",
    );
    for (index, scalar) in SCALARS.iter().enumerate().filter(|(index, _)| index % 4 == variant) {
        // Minus zero is read as zero by sops.
        if *scalar != "-0.0" {
            let _ = writeln!(text, "  s{index}: {scalar}\n  s{index}_plain: {scalar}");
        }
    }
    text.push_str("list_enc:\n  # leave:this\n  - a\n  - 'b'\n  - c: 1\n    d: [x, {e: f}]\nmeta_x:\n");
    for (index, block) in BLOCKS.iter().enumerate().filter(|(index, _)| index % 4 == variant % 3) {
        let _ = write!(text, "  b{index}: {block}\n    first\n    second\n\n    third\n");
    }
    if variant == 3 {
        text.push_str("---\nkind: Secret\nstringData:\n  # seal:this\n  second_enc: \"two\"\n");
    }
    text
}

fn json(variant: usize) -> String {
    let value = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "stringData": {"sure_enc": "certain", "n": 1, "f": 1.5, "t": true, "null": null, "empty": "", "e": {}},
        "list_enc": ["a", {"b": ["c", 2, false]}, "<&>", "🔑\u{2028}\"\\\n\t"],
        "meta_x": {"name": "x", "deep_plain": {"a:b": -7, "": "no name"}},
    });
    match variant {
        0 => value.to_string(),
        1 => format!("{value:#}\n"),
        _ => format!("{value:#}\n").replace("  ", "\t"),
    }
}

fn dotenv(variant: usize) -> String {
    let common = "# seal:this\nsure_enc=certain\nkind=Secret\n# leave:this\nmeta_name=x\nplain_plain=left\n";
    match variant {
        0 => format!("{common}A=1\n\nexport B=two words # no comment\nC=x\\ny\nE=\n# tail\n"),
        _ => format!(
            "#no blank\n{common}Q=\"quoted\"\nA=dup\nA=dup\nU=päss 🔑\nEQ=a=b=c\n=no name\nlast_enc=x"
        ),
    }
}

fn ini(variant: usize) -> String {
    let section =
        "; seal:this\n[stringData]\nsure_enc = certain\n; leave:this\nother = one\nthird_enc: two\n";
    match variant {
        0 => format!(
            "; top\ntop = 1\n\n{section}\n# first line\n# second line\n[meta_x] ; behind\nname=made\nlong_key_name = \"two words\" \nempty =\n; above\nboth = val ; behind\n[a.b]\nk_plain = left\n; tail\n"
        ),
        _ => format!(
            "{section}quoted = 'single'\nticks = `a;b#c`\nlines = \"\"\"first\nsecond\"\"\"\ngoes_on = one \\\n  two\n\"with = sign\" = x\nu = päss 🔑\n\n[stringData]\nagain_enc = y\n[kind]\nx_plain=1"
        ),
    }
}

fn binary(variant: usize) -> Vec<u8> {
    match variant {
        0 => b"some text\nwithout format\n".to_vec(),
        1 => b"{\"json\": \"inside\"}".to_vec(),
        2 => b"kind: Secret\nstringData:\n  a: b\n".to_vec(),
        3 => vec![0, 159, 146, 150, 255, 10, 13, 0],
        _ => (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect(),
    }
}

fn ciphertexts(bytes: &[u8]) -> Vec<String> {
    let text = text(bytes);
    text.split("ENC[").skip(1).filter_map(|part| Some(part.split_once(']')?.0.to_owned())).collect()
}

/// One value changed, and the MAC and the time of each document.
fn lines_changed(before: &[u8], after: &[u8]) -> Result<(), String> {
    let (before, after) = (text(before), text(after));
    if before.lines().count() != after.lines().count() {
        return Err("the number of lines".to_owned());
    }
    let changed: Vec<(&str, &str)> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    let is_stamp = |line: &str| {
        let name = line.trim_start_matches([' ', '\t', '"']).trim_start_matches("sops_");
        name.starts_with("mac") || name.starts_with("lastmodified") || line.contains("\"lastmodified\"")
    };
    let stamps = changed.iter().filter(|(line, _)| is_stamp(line)).count();
    let documents = before.matches("shamir_threshold").count().max(before.matches("version").count()).max(1);
    if changed.len() - stamps == 1 && stamps <= 2 * documents {
        return Ok(());
    }
    let told: Vec<String> = changed.into_iter().map(|(a, b)| format!("{a} to {b}")).collect();
    Err(told.join("\n"))
}
