//! Plug-ins that hang, flood, crash, lie and echo: each is ended in time, named, and what it was given is not shown.

use super::super::super::cipher::DataKey;
use super::super::super::metadata::Wrapped;
use super::super::tests::Person;
use super::super::{Keyring, RecipientError, Shut, sources, wrap_with};
use super::*;
use std::path::Path;
use std::time::Instant;

/// An identity and a recipient of the plug-in `fake`.
fn texts() -> (String, String) {
    let text = |prefix: &str, bytes: &[u8]| {
        age_core::primitives::bech32_encode(bech32::Hrp::parse(prefix).expect("a prefix"), bytes)
    };
    (text("age-plugin-fake-", b"canary-4711-canary").to_uppercase(), text("age1fake", b"public"))
}

fn installed(folder: &Path, script: &str) {
    let path = folder.join("age-plugin-fake");
    // Renamed into place: a file that is still open for writing cannot be run.
    let fresh = folder.join("fresh");
    std::fs::write(&fresh, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).expect("made runnable");
    std::fs::rename(&fresh, &path).expect("renamed");
}

const QUICK: Limits =
    Limits { silence: Duration::from_millis(400), total: Duration::from_millis(1500), output: 64 << 10 };
const PATIENT: Limits =
    Limits { silence: Duration::from_secs(20), total: Duration::from_secs(40), output: 64 << 10 };

struct Fake {
    folder: tempfile::TempDir,
    plugins: Plugins,
}

impl Fake {
    fn new(script: &str, limits: Limits, ask: Option<Arc<dyn Ask>>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        installed(folder.path(), script);
        let plugins = Plugins::within(folder.path(), limits, ask);
        Self { folder, plugins }
    }

    fn program(&self) -> String {
        self.folder.path().join("age-plugin-fake").to_string_lossy().into_owned()
    }

    fn agreed(self) -> Self {
        self.plugins.agree(&self.program());
        self
    }

    fn ring(&self) -> Keyring {
        let keys =
            sources::identities(&texts().0, &"keys.txt".into(), false, &self.plugins).expect("one identity");
        Keyring { keys, plugins: self.plugins.clone(), ..Keyring::default() }
    }

    /// Opens a file for the plug-in's recipient; the stanza in it is for nobody at hand.
    fn open(&self) -> Result<Zeroizing<Vec<u8>>, Shut> {
        let other = super::super::super::testing::ring(super::super::super::testing::OPS);
        let key = DataKey::generate().expect("random");
        let enc =
            wrap_with(&key, other.recipients().next().expect("one").0, &Plugins::default()).expect("wrapped");
        self.ring().unwrap_any(&[Wrapped { recipient: texts().1.into(), enc: enc.into() }])
    }

    fn seal(&self) -> Result<String, RecipientError> {
        wrap_with(&DataKey::generate().expect("random"), &texts().1, &self.plugins)
    }
}

#[test]
fn a_plug_in_that_misbehaves_is_ended_and_named() {
    let echo = "read a b; read c; printf -- '-> error internal\\n%s\\n' \"$(printf '%s' \"$a $b\" | base64 | tr -d '=\\n' | cut -c1-60)\"; cat > /dev/null";
    for (script, said) in [
        ("exec sleep 60", "did not answer within 0.4 s"),
        ("sleep 60 & wait", "did not answer within 0.4 s"),
        ("exec yes", "does not keep to the protocol"),
        ("while :; do printf -- '-> msg\\n\\n'; done", "wrote more than 65536 bytes"),
        ("exec head -c 1000000 /dev/zero", "wrote more than 65536 bytes"),
        ("exit 3", "ended before it was done"),
        ("kill -9 $$", "ended before it was done"),
        ("printf -- '-> msg\\n'", "ended before it was done"),
        ("printf -- '-> file-key 7\\nAAAA\\n'; cat", "a file key that was not asked for"),
        ("printf -- '-> file-key 0\\nAAAA\\n'; cat", "none of 16 bytes"),
        ("while sleep 0.1; do printf -- '-> msg\\n\\n'; done", "did not answer within 1.5 s"),
        (echo, "says: "),
    ] {
        let fake = Fake::new(script, QUICK, None).agreed();
        let began = Instant::now();
        let shut = fake.open().expect_err(script);
        let told = shut.reasons.join(" ");
        assert!(told.contains(said) && told.contains("age-plugin-fake"), "{script}: {told}");
        assert!(!told.contains("CANARY") && !told.contains("QQ") && shut.next.is_some(), "{told}");
        assert!(began.elapsed() < Duration::from_secs(8), "{script} took {:?}", began.elapsed());
        if said.contains("file key") {
            continue;
        }
        let sealed = fake.seal().expect_err(script).to_string();
        assert!(sealed.contains("age-plugin-fake"), "{script}: {sealed}");
    }
}

#[test]
fn what_a_plug_in_started_ends_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", pid.display());
    let fake = Fake::new(&script, QUICK, None).agreed();
    assert!(fake.open().is_err());
    let number = std::fs::read_to_string(&pid).expect("it ran");
    let until = Instant::now() + Duration::from_secs(5);
    let lives = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number.trim()));
        state.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while lives() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!lives(), "the child of the plug-in goes on");
}

#[test]
fn it_runs_only_after_somebody_agreed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("ran");
    let script = format!("touch {}; exit 1", mark.display());
    let fake = Fake::new(&script, QUICK, None);
    let shut = fake.open().expect_err("not agreed");
    assert!(shut.needs_plugin && shut.reasons[0].ends_with("is run only after you agree to it"), "{shut:?}");
    assert!(matches!(fake.seal(), Err(RecipientError::Plugin(PluginError::NotAgreed { .. }))));
    assert!(!mark.exists());
    // Who says no is asked once.
    let person = Arc::new(Person::default());
    let asking = Fake::new(&script, QUICK, Some(person.clone()));
    assert!(asking.open().is_err() && asking.open().is_err());
    assert_eq!(person.heard(), [asking.program()]);
    assert!(!mark.exists());
    let person = Arc::new(Person { agrees: true, ..Person::default() });
    let asking = Fake::new(&script, QUICK, Some(person.clone()));
    assert!(asking.open().is_err() && mark.exists());
    assert!(asking.plugins.may_run(&asking.program()));
}

#[test]
fn a_plug_in_for_other_files_is_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("ran");
    let fake = Fake::new(&format!("touch {}", mark.display()), QUICK, None).agreed();
    let shut =
        fake.ring().unwrap_any(&[Wrapped { recipient: "age1other1qqqq".into(), enc: "".into() }]).err();
    assert_eq!(shut, Some(Shut::default()));
    assert!(!mark.exists());
}

#[test]
fn what_failed_is_not_run_for_every_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let fake = Fake::new(&format!("echo x >> {}; exit 1", log.display()), QUICK, None).agreed();
    for _ in 0..5 {
        assert!(fake.open().is_err());
    }
    assert_eq!(std::fs::read_to_string(&log).expect("it ran"), "x\n");
    fake.plugins.retry();
    assert!(fake.open().is_err());
    assert_eq!(std::fs::read_to_string(&log).expect("it ran"), "x\nx\n");
}

#[test]
fn a_plug_in_that_is_not_there_is_named_and_no_path_is_made_of_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = Plugins::within(folder.path(), QUICK, None);
    assert_eq!(
        plugins.find("fake").expect_err("not there").to_string(),
        "the plug-in age-plugin-fake is not in any folder of PATH"
    );
    let hrp = |name: &str| bech32::Hrp::parse(&format!("age1{name}")).expect("a prefix");
    for name in ["../fake", "a/b", "a\\b", "a b"] {
        let Ok(_) = bech32::Hrp::parse(&format!("age1{name}")) else { continue };
        let text = age_core::primitives::bech32_encode(hrp(name), b"x");
        assert!(Recipient::parse(&text, &plugins).is_none(), "{name}");
    }
    // A folder that depends on where one stands is none.
    let here = Plugins::new(vec![PathBuf::from("."), PathBuf::new()], BTreeSet::new(), None);
    assert!(here.find("fake").is_err());
    // What cannot be run is no program.
    std::fs::write(folder.path().join("age-plugin-fake"), "#!/bin/sh\n").expect("written");
    assert!(plugins.find("fake").is_err());
}

/// Keeps the file key as it is: sixteen bytes in the stanza's body.
const KEEPS: &str = r#"
case "$1" in
*recipient-v1)
  while read -r a b; do case "$b" in wrap-file-key*) read -r key ;; done*) read -r x; break ;; esac; done
  printf -- '-> msg\n%s\n' "$(printf 'touch it' | base64 | tr -d '=')"; read -r x; read -r x
  printf -- '-> request-secret\n%s\n' "$(printf 'PIN' | base64 | tr -d '=')"; read -r ok; read -r pin
  [ "$pin" = "MTIzNA" ] || exit 9
  printf -- '-> recipient-stanza 0 fake arg\n%s\n' "$key"; read -r x; read -r x
  printf -- '-> something new\n\n'; read -r x; read -r x
  printf -- '-> done\n\n' ;;
*)
  while read -r a b; do case "$b" in "recipient-stanza 0 fake arg") read -r key ;; done*) read -r x; break ;; esac; done
  if [ -n "$key" ]; then printf -- '-> file-key 0\n%s\n' "$key"; read -r x; read -r x; fi
  printf -- '-> done\n\n' ;;
esac
"#;

#[test]
fn a_good_plug_in_seals_and_opens_and_its_questions_are_put() {
    let person = Arc::new(Person { passphrases: Mutex::new(vec!["1234"]), ..Person::default() });
    let fake = Fake::new(KEEPS, PATIENT, Some(person.clone())).agreed();
    let key = DataKey::generate().expect("random");
    let enc = wrap_with(&key, &texts().1, &fake.plugins).expect("wrapped");
    assert_eq!(person.heard(), ["touch it", "PIN"]);
    let opened = fake.ring().unwrap_any(&[Wrapped { recipient: texts().1.into(), enc: enc.into() }]);
    assert_eq!(opened.map(|k| k.to_vec()), Ok(key.bytes().to_vec()));
    // Nobody to ask: the question is named.
    let fake = Fake::new("printf -- '-> request-secret\\nUElO\\n'; read x; read x; printf -- '-> error internal\\n\\n'; cat >/dev/null", PATIENT, None).agreed();
    assert!(
        fake.open().err().is_some_and(|shut| shut.reasons[0].contains("asks `PIN`, and nobody can answer"))
    );
}
