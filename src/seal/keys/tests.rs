//! Keys of every kind: what real `age` sealed for them opens, what is sealed for them opens, and what cannot be used is named.

use super::super::testing::{DEV, OPS, ring};
use super::*;
use age::Recipient as _;
use std::path::PathBuf;

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../keys/tests/", $name))
    };
}

const PASSPHRASE: &str = "guards nothing";
const PQ: &str = key!("pq.agekey");

fn secret(text: &str) -> SecretText {
    SecretText::from_string(text.to_owned())
}

fn of_ssh(text: &str) -> Keyring {
    let (key, recipient) = ssh::identity(text).expect("a private key");
    Keyring { keys: vec![sources::ssh_key(key, recipient, "id".into())], ..Keyring::default() }
}

/// Wrapped for one recipient, by real age or by us.
fn wrapped(recipient: &str, enc: &str) -> [Wrapped; 1] {
    [Wrapped { recipient: recipient.into(), enc: enc.into() }]
}

fn bytes(key: Result<Bytes, Shut>) -> Result<Vec<u8>, Shut> {
    key.map(|key| key.to_vec())
}

/// An identity file behind a passphrase, cheap to open.
fn locked_file(inside: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    recipient.set_work_factor(2);
    age::encrypt_and_armor(&recipient, inside.as_bytes()).expect("locked").into_bytes()
}

fn ring_of(bytes: &[u8]) -> Keyring {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.txt");
    std::fs::write(&file, bytes).expect("written");
    Keyring::load(&KeySources { file: Some(file), ..KeySources::default() })
}

/// Answers each question with the next of its answers, and remembers what it was asked.
#[derive(Default)]
pub(super) struct Person {
    pub(super) passphrases: Mutex<Vec<&'static str>>,
    pub(super) agrees: bool,
    pub(super) heard: Mutex<Vec<String>>,
}

impl Person {
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }

    fn hear(&self, text: &str) {
        self.heard.lock().expect("not poisoned").push(text.to_owned());
    }
}

impl Ask for Person {
    fn passphrase(&self, question: &str) -> Option<SecretText> {
        self.hear(question);
        self.passphrases.lock().expect("not poisoned").pop().map(secret)
    }

    fn line(&self, question: &str) -> Option<String> {
        self.hear(question);
        Some("a line".to_owned())
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.hear(&format!("{question} {yes}/{}", no.unwrap_or("-")));
        Some(true)
    }

    fn tell(&self, text: &str) {
        self.hear(text);
    }

    fn agree(&self, program: &str) -> bool {
        self.hear(program);
        self.agrees
    }
}

#[test]
fn what_age_sealed_for_each_kind_opens() {
    let all: Vec<u8> = (0..32).collect();
    for (name, ring, recipient, enc) in [
        (
            "pq",
            ring(PQ),
            PQ.lines().nth(2).expect("a comment").trim_start_matches("# public key: "),
            key!("pq.age"),
        ),
        ("ed25519", of_ssh(key!("ssh-ed25519")), key!("ssh-ed25519.pub"), key!("ssh-ed25519.age")),
        ("rsa", of_ssh(key!("ssh-rsa")), key!("ssh-rsa.pub"), key!("ssh-rsa.age")),
    ] {
        assert!(ring.holds(recipient), "{name}: {:?}", ring.recipients().next());
        assert_eq!(bytes(ring.unwrap_any(&wrapped(recipient, enc))), Ok(all.clone()), "{name}");
        // And what we seal for it.
        let key = DataKey::generate().expect("random");
        let ours = wrap(&key, recipient).expect("wrapped");
        assert_eq!(bytes(ring.unwrap_any(&wrapped(recipient, &ours))), Ok(key.bytes().to_vec()), "{name}");
        assert!(self::ring(DEV).unwrap(&ours).is_none(), "{name}");
    }
}

#[test]
fn a_wrapped_key_opens_for_its_recipient_only() {
    let (ops, dev) = (ring(OPS), ring(DEV));
    let recipient = ops.recipients().next().expect("one identity").0.to_owned();
    let key = DataKey::generate().expect("random");
    let wrapped = wrap(&key, &recipient).expect("wrapped");
    assert_eq!(ops.unwrap(&wrapped).map(|k| k.bytes().to_vec()), Some(key.bytes().to_vec()));
    assert!(dev.unwrap(&wrapped).is_none());
    assert!(ops.holds(&recipient) && !dev.holds(&recipient));
}

#[test]
fn a_locked_ssh_key_is_named_and_opens_with_its_passphrase() {
    let ring = of_ssh(key!("ssh-ed25519-locked"));
    let sealed = wrapped(key!("ssh-ed25519-locked.pub"), key!("ssh-ed25519-locked.age"));
    let shut = ring.unwrap_any(&sealed).expect_err("it is locked");
    assert_eq!(shut.reasons, ["locked: id needs its passphrase"]);
    assert!(shut.next.is_some_and(|next| next.contains("agent can only sign")));
    // A file for somebody else does not ask for it.
    assert_eq!(ring.unwrap_any(&wrapped("age1x", "")).err(), Some(Shut::default()));
    let before = ring.generation();
    let wrong = ring.unlock("id", &secret("canary-4711")).expect_err("wrong");
    assert!(!wrong.to_string().contains("canary"), "{wrong}");
    assert_eq!(ring.locked().len(), 1);
    ring.unlock("id", &secret(PASSPHRASE)).expect("unlocked");
    assert!(ring.generation() > before && ring.locked().is_empty());
    assert!(ring.unwrap_any(&sealed).is_ok());
}

#[test]
fn a_locked_file_is_asked_for_once_and_stays_open() {
    let sealed = wrapped("age1pq1", key!("pq.age"));
    let ring = ring_of(&locked_file(PQ));
    assert!(ring.unwrap_any(&sealed).is_err_and(|shut| shut.reasons[0].starts_with("locked: ")));
    let person = Arc::new(Person { passphrases: Mutex::new(vec![PASSPHRASE, "wrong"]), ..Person::default() });
    let ring = Keyring { ask: Some(person.clone()), ..ring };
    assert!(ring.unwrap_any(&sealed).is_ok() && ring.unwrap_any(&sealed).is_ok());
    let heard = person.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[1].starts_with("this is not it; once more: passphrase of "));
    assert_eq!(ring.recipients().count(), 1);
}

#[test]
fn whoever_does_not_answer_is_not_asked_again_before_he_wants_it() {
    let person = Arc::new(Person::default());
    let ring = Keyring { ask: Some(person.clone()), ..ring_of(&locked_file(OPS)) };
    for _ in 0..3 {
        assert!(ring.unwrap_any(&wrapped("age1x", "")).is_err());
    }
    assert_eq!(person.heard().len(), 1);
    ring.retry();
    assert!(ring.unwrap_any(&wrapped("age1x", "")).is_err());
    assert_eq!(person.heard().len(), 2);
}

#[test]
fn what_is_inside_a_locked_file_and_cannot_be_used_is_named() {
    for (inside, said) in [
        ("AGE-SECRET-KEY-1CANARY4711\n", "line 1 of what it holds: this age identity is damaged"),
        ("\nnonsense CANARY4711", "line 2 of what it holds: this is no age identity"),
        ("\u{0}", "line 1 of what it holds"),
    ] {
        let ring = ring_of(&locked_file(inside));
        let source = ring.locked()[0].source.clone();
        let told = ring.unlock(&source, &secret(PASSPHRASE)).expect_err("not usable").to_string();
        assert!(told.contains(said) && !told.contains("CANARY"), "{told}");
    }
    let mut cut = locked_file(OPS);
    cut.truncate(cut.len() - 60);
    let ring = ring_of(&cut);
    let source = ring.locked()[0].source.clone();
    assert!(matches!(ring.unlock(&source, &secret(PASSPHRASE)), Err(UnlockError::Unusable { .. })));
}

#[test]
fn one_bad_line_voids_its_source_and_no_other() {
    let canary =
        OPS.lines().last().expect("an identity").replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1CANARY");
    let mut ring = ring(&format!("{OPS}{canary}\n# fine\nhello\n"));
    assert!(ring.is_empty());
    let told: Vec<(u32, &str)> = ring.unusable.iter().map(|u| (u.line, &*u.why)).collect();
    let [(5, damaged), (7, none)] = told.as_slice() else { panic!("{told:?}") };
    assert!(damaged.starts_with("this age identity is damaged; because of this line"), "{damaged}");
    assert!(none.starts_with("this is no age identity") && !format!("{told:?}").contains("CANARY"));
    ring.add_text(DEV, "another");
    assert_eq!(ring.recipients().count(), 1);
}

#[test]
fn all_places_are_pooled_and_those_without_anything_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let file = |name: &str, text: &str| {
        let path = home.join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let named = file("named.txt", DEV);
    file(".ssh/id_ed25519", key!("ssh-ed25519"));
    file(".config/sops/age/keys.txt", PQ);
    let ssh = file("other", key!("ssh-rsa"));
    let find = |name: &str| match name {
        // Two in one line.
        "SOPS_AGE_KEY" => Some(OPS.lines().last().map(|l| format!("{l} {l}")).expect("an identity")),
        "SOPS_AGE_KEY_FILE" => Some(named.clone()),
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE" => Some(ssh.clone()),
        _ => None,
    };
    let ring = Keyring::load(&KeySources::of_user(find, Some(home)));
    let kinds: Vec<&str> = ring.recipients().map(|(r, _)| &r[..r.len().min(11)]).collect();
    assert_eq!(ring.unusable, []);
    assert_eq!(kinds.iter().filter(|k| k.starts_with("ssh-")).count(), 2, "{kinds:?}");
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    let absent: Vec<&str> = ring.absent.iter().map(|a| &**a).collect();
    assert!(
        absent.contains(&"SOPS_AGE_KEY_CMD") && absent.iter().any(|a| a.ends_with("id_rsa")),
        "{absent:?}"
    );
    let none =
        Keyring::load(&KeySources { file: Some(PathBuf::from("/nowhere/keys")), ..KeySources::default() });
    assert_eq!(none.unusable[0].why, "it cannot be read: entity not found");
}

#[test]
fn sources_are_those_of_sops() {
    let variable = |name: &str| (name == "SOPS_AGE_KEY_FILE").then(|| "/k/one".to_owned());
    let sources = KeySources::of_user(variable, Some(std::path::Path::new("/home/ana")));
    let usual = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    assert_eq!(sources.file, Some(PathBuf::from("/k/one")));
    assert_eq!(sources.standard, Some(PathBuf::from(format!("/home/ana/{usual}/sops/age/keys.txt"))));
}

#[test]
fn a_command_is_run_when_a_file_needs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keys, log) = (folder.path().join("keys"), folder.path().join("log"));
    std::fs::write(&keys, OPS).expect("written");
    let line = format!("sh -c 'echo \"$SOPS_AGE_RECIPIENT\" >> {}; cat {}'", log.display(), keys.display());
    let ring = Keyring::load(&KeySources { command: Some(line), ..KeySources::default() });
    assert!(!log.exists() && !ring.is_empty());
    let mine = self::ring(OPS);
    let recipient = mine.recipients().next().expect("one").0.to_owned();
    let sealed = wrap(&DataKey::generate().expect("random"), &recipient).expect("wrapped");
    assert!(ring.unwrap_any(&wrapped(&recipient, &sealed)).is_ok());
    assert!(ring.unwrap_any(&wrapped(&recipient, &sealed)).is_ok());
    assert_eq!(std::fs::read_to_string(&log).expect("it ran"), format!("{recipient}\n"));
    let fails = Keyring::load(&KeySources { ssh_command: Some("false".to_owned()), ..KeySources::default() });
    let shut = fails.unwrap_any(&wrapped(&recipient, &sealed)).expect_err("shut");
    assert_eq!(shut.reasons, ["SOPS_AGE_SSH_PRIVATE_KEY_CMD: it failed (exit status: 1)"]);
}

#[test]
fn no_error_holds_a_key() {
    let pq = PQ.lines().last().expect("an identity");
    let texts = [
        pq.to_owned(),
        OPS.lines().last().expect("an identity").to_owned(),
        key!("ssh-ed25519").to_owned(),
        key!("ssh-rsa").to_owned(),
    ];
    for text in texts {
        // Cut, changed and doubled at many places: whatever is said must not hold twelve letters of it.
        for at in (0..text.len()).step_by(7) {
            let mut changed = text.clone();
            changed.replace_range(at..=at, "!");
            for broken in [text[..at].to_owned(), changed, format!("{text}{}", &text[at..])] {
                let ring = ring_of(broken.as_bytes());
                let mut said: Vec<String> = ring.unusable.iter().map(|u| u.why.clone()).collect();
                said.extend(ssh::identity(&broken).err());
                said.extend(
                    parse_recipient(&broken)
                        .err()
                        .map(|e| e.to_string())
                        .filter(|_| broken.starts_with("AGE")),
                );
                let said = said.join(" ").replace("-----", "");
                let body: Vec<char> = text.chars().collect();
                let leaks = |part: &[char]| {
                    let part: String = part.iter().collect();
                    !part.contains("KEY") && !part.contains("SECRET") && said.contains(&part)
                };
                assert!(!body.windows(12).any(leaks), "{said}");
            }
        }
    }
}

#[test]
fn a_hybrid_key_is_not_mixed_inside_one_age_file() {
    let (pq, classical) = (ring(PQ), ring(OPS));
    let file_key = || age_core::format::FileKey::new(Box::new([1; 16]));
    let hybrid: hybrid::Recipient = pq.recipients().next().expect("one").0.parse().expect("its own");
    let x25519: age::x25519::Recipient =
        classical.recipients().next().expect("one").0.parse().expect("its own");
    assert_ne!(
        hybrid.wrap_file_key(&file_key()).expect("wrapped").1,
        x25519.wrap_file_key(&file_key()).expect("wrapped").1
    );
}
