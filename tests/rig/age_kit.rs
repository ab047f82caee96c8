//! age's own test kit (C2SP's vectors): every case opens, or is refused for the reason that the kit says.

use crate::support::cache;
use sealane::seal::{AgeError, Keyring};
use sealane::secret::SecretText;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Cases that the kit has at least; one less would mean that it was not copied whole.
const AT_LEAST: usize = 140;
/// The largest of them, unpacked, is some megabytes.
const LIMIT: usize = 64 << 20;

/// One vector.
#[derive(Default)]
struct Case {
    expect: String,
    payload: Option<String>,
    identities: String,
    passphrase: Option<String>,
    file: Vec<u8>,
}

impl Case {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a vector");
        let end = bytes.windows(2).position(|two| two == b"\n\n").expect("a header");
        let mut case = Self { file: bytes[end + 2..].to_vec(), ..Self::default() };
        for line in std::str::from_utf8(&bytes[..end]).expect("text").lines() {
            let (name, value) = line.split_once(": ").expect("a pair");
            match name {
                "expect" => value.clone_into(&mut case.expect),
                "payload" => case.payload = Some(value.to_owned()),
                "identity" => writeln!(case.identities, "{value}").expect("kept"),
                "passphrase" => case.passphrase = Some(value.to_owned()),
                "compressed" => case.file = unpacked(&case.file),
                "armored" | "file key" | "comment" => {}
                other => panic!("{}: the header `{other}` is not known", path.display()),
            }
        }
        case
    }

    /// Tries it; says what is not as the kit has it.
    fn check(&self) -> Result<(), String> {
        let mut ring = Keyring::default();
        ring.add_text(&self.identities, "kit");
        if !ring.unusable.is_empty() {
            return Err(format!("identities are not read: {:?}", ring.unusable));
        }
        let passphrase = self.passphrase.clone().map(SecretText::from_string);
        let (held, outcome) = ring.open_age(&self.file, passphrase.as_ref(), LIMIT);
        let fits = matches!(
            (&*self.expect, outcome),
            ("success", Ok(()))
                | ("no match", Err(AgeError::NoMatch))
                | ("HMAC failure", Err(AgeError::Mac))
                | ("header failure", Err(AgeError::Header | AgeError::TooHard))
                | ("payload failure", Err(AgeError::Payload))
                | ("armor failure", Err(AgeError::Armor))
        );
        if !fits {
            return Err(format!("{} expected, {outcome:?}", self.expect));
        }
        let sum = Sha256::digest(held.expose_secret()).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("kept");
            text
        });
        match &self.payload {
            Some(wanted) if *wanted != sum => Err("another payload".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Some vectors are packed with zlib.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let script = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    python.stdin.take().expect("its input").write_all(packed).expect("written");
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "a vector cannot be unpacked");
    output.stdout
}

#[test]
fn every_case_of_the_kit_passes_or_is_refused_as_it_says() {
    let folder = cache("age-testkit");
    let mut failures = Vec::new();
    let mut names: Vec<_> =
        fs::read_dir(&folder).expect("the kit").map(|e| e.expect("an entry").path()).collect();
    names.sort();
    for path in &names {
        if let Err(cause) = Case::read(path).check() {
            failures.push(format!("{}: {cause}", path.file_name().unwrap_or_default().to_string_lossy()));
        }
    }
    println!("age's test kit: {} of {}", names.len() - failures.len(), names.len());
    assert!(names.len() >= AT_LEAST, "{} cases", names.len());
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n"));
}
