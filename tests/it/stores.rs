//! The five stores of SOPS: edits that touch nothing else, and files damaged in every way we know of.

use sealane::model::{Opened, Opener as _, Problem, Reason};
use sealane::seal::{self, Edit, Keyring, KeyringOpener, Rules};
use sealane::secret::SecretText;
use std::fmt::Write as _;
use std::sync::Arc;

const OPS: &str = include_str!("../../keys/demo-ops.agekey");
const DEV: &str = include_str!("../../keys/demo-flux-dev.agekey");

fn ring(identities: &str) -> Keyring {
    let mut ring = Keyring::default();
    ring.add_text(identities, "test");
    ring
}

fn recipient(identity: &str) -> String {
    ring(identity).recipients().next().expect("an identity").0.to_owned()
}

fn rules() -> Rules {
    let (ops, dev) = (recipient(OPS), recipient(DEV));
    let text = format!(
        "creation_rules:\n  - path_regex: ^groups/\n    key_groups: [{{age: [{ops}]}}, {{age: [{dev}]}}]\n  - path_regex: ^only/\n    mac_only_encrypted: true\n    encrypted_regex: ^s\n    age: {ops}\n  - age: {ops}\n"
    );
    Rules::parse(text.as_bytes(), ".sops.yaml")
}

fn set(key: &str, value: &str) -> Edit {
    Edit::Set { key: key.to_owned(), value: SecretText::from_string(value.to_owned()) }
}

/// One file of each store, with everything that an edit could disturb.
const PLAIN: [(&str, &str); 5] = [
    (
        "a.yaml",
        "# head\nkind: Secret   # what\n\"quoted\":  'single'\nempty: ''\nnull_: ~\nflow: {a: 1, b: [x, \"y\"]}\nlist:\n# out\n- one\n-   two # behind\ntext: |+\n  first\n\n  last\n\nsure: value # why\nnumber: 1_000\ntime: 2020-01-01\n",
    ),
    (
        "a.json",
        "{\n  \"kind\": \"Secret\", \"a\" :1,\n  \"list\": [ true, null, {\"b\": 1.50} ],\n  \"sure\": \"value\"\n}\n",
    ),
    ("a.env", "# head\nA=1\n\nexport B=\"two words\"\nsure=value\nE=\nA_unencrypted=left\n# tail\n"),
    (
        "a.ini",
        "; head\ntop=1\n\n[ one ]\n# above\nkey   :   'val' ; behind\nsure = value\nlines = \"\"\"a\nb\"\"\"\nempty =\n\n[two]\nk_unencrypted = left\n",
    ),
    ("a.bin", "whatever\n"),
];

fn sealed(file: &str) -> Vec<u8> {
    let (_, plain) = PLAIN.iter().find(|(name, _)| *name == file).expect("one of them");
    seal::seal_plain(plain.as_bytes(), file, &rules(), 1_700_000_000)
        .unwrap_or_else(|p| panic!("{file}: {p}"))
}

/// What the file opens to, as `sops decrypt` prints it, its MAC checked.
fn opened(bytes: &[u8], file: &str, identities: &str) -> Result<String, Problem> {
    seal::verify(bytes, file, &ring(identities))?;
    let opener = KeyringOpener::new(Arc::new(ring(identities)));
    match opener.open_file(bytes, file, seal::format_of(file)).map_err(|e| e.0)? {
        Opened::Plain(text) => Ok(String::from_utf8_lossy(text.expose_secret()).into_owned()),
        Opened::NotSealed => panic!("{file} is not taken for sealed"),
    }
}

/// The name of the value that edits change.
fn key_of(file: &str) -> &'static str {
    if file == "a.bin" { "data" } else { "sure" }
}

#[test]
fn an_edit_changes_one_leaf_the_mac_and_the_time_to_the_byte() {
    let ring = ring(OPS);
    for (file, _) in PLAIN {
        for crlf in [false, true] {
            let mut before = String::from_utf8(sealed(file)).expect("text");
            // SOPS reads no dotenv in CRLF, and an envelope is written by programs.
            if crlf && matches!(file, "a.yaml" | "a.json" | "a.ini") {
                before = before.replace('\n', "\r\n");
            }
            let edited =
                seal::edit(before.as_bytes(), file, &ring, vec![set(key_of(file), "new")], 1_800_000_000);
            let after = String::from_utf8(edited.unwrap_or_else(|p| panic!("{file}: {p}"))).expect("text");
            let changed: Vec<(&str, &str)> =
                before.split('\n').zip(after.split('\n')).filter(|(old, new)| old != new).collect();
            assert_eq!(before.split('\n').count(), after.split('\n').count(), "{file}");
            assert_eq!(changed.len(), 3, "{file}: {changed:?}");
            // Before and behind what changed nothing does, not even a line end.
            for (old, new) in changed {
                let frame = |line: &str| {
                    let (start, rest) =
                        line.split_once("ENC[").or_else(|| line.split_once("202")).expect("a value");
                    let (_, rest) =
                        rest.split_once(",type:str]").or_else(|| rest.split_once('Z')).expect("its end");
                    (start.to_owned(), rest.to_owned())
                };
                assert_eq!(frame(old), frame(new), "{file}");
            }
        }
    }
}

#[test]
fn a_new_data_key_keeps_what_the_block_holds_beside_ours() {
    let ring = ring(OPS);
    for (file, _) in PLAIN {
        let text = String::from_utf8(sealed(file)).expect("text");
        let with = match file {
            "a.yaml" => text.replace("    mac:", "    custom:\n        - of: somebody\n    mac:"),
            "a.env" => text.replace("sops_mac=", "sops_custom__list_0__map_of=somebody\nsops_mac="),
            "a.ini" => text.replace("\nmac ", "\ncustom__list_0__map_of = somebody\nmac "),
            _ => text
                .replace("\t\"mac\":", "\t\"custom\": [{\"of\": \"somebody\"}],\n\t\t\"mac\":")
                .replace("  \"mac\":", "  \"custom\": [{\"of\": \"somebody\"}],\n    \"mac\":"),
        };
        assert_ne!(text, with, "{file}");
        let again =
            seal::reseal(with.as_bytes(), file, &ring, &rules(), 0).unwrap_or_else(|p| panic!("{file}: {p}"));
        let again = String::from_utf8(again).expect("text");
        assert!(again.contains("somebody") && again.contains("custom"), "{file}\n{again}");
        assert_eq!(
            opened(again.as_bytes(), file, OPS).expect("opens"),
            opened(text.as_bytes(), file, OPS).expect("opens")
        );
    }
}

/// Bits flipped all over the block and the values: what opens holds what it held, whatever else is said.
#[test]
fn every_byte_of_block_and_ciphertext_may_be_damaged() {
    let ring = ring(OPS);
    let mut state = 0x9E37_79B9_u64;
    for (file, _) in PLAIN {
        let whole = sealed(file);
        let wanted = opened(&whole, file, OPS).expect("opens");
        let text = String::from_utf8(whole.clone()).expect("text");
        let from = text.find("ENC[").expect("a value");
        let (mut opens, mut refused) = (0, 0);
        for at in (from..whole.len()).step_by(if cfg!(debug_assertions) { 5 } else { 1 }) {
            let mut bytes = whole.clone();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes[at] ^= 1 << ((state >> 33) % 7);
            match seal::open(&bytes, file, &ring) {
                Ok(_) => {
                    opens += 1;
                    // A key or a comment outside of the MAC may have another name; no value has another text.
                    if let (Ok(found), false) =
                        (opened(&bytes, file, OPS), at < text.rfind("sops").expect("a block"))
                    {
                        assert_eq!(found, wanted, "{file} at {at}: {}", &text[at.saturating_sub(20)..at]);
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert!(
                        error.0.place.is_some() && !error.0.next.is_empty(),
                        "{file} at {at}: {}",
                        error.0
                    );
                }
            }
            let _ = seal::inspect(file, &bytes, &rules());
        }
        assert!(refused > opens, "{file}: {opens} open, {refused} refused");
    }
}

#[test]
fn damaged_forms_are_refused_with_a_place_and_a_next_step() {
    let env = String::from_utf8(sealed("a.env")).expect("text");
    let ini = String::from_utf8(sealed("a.ini")).expect("text");
    let yaml = String::from_utf8(sealed("a.yaml")).expect("text");
    let json = String::from_utf8(sealed("a.json")).expect("text");
    let line =
        |text: &str, key: &str| text.lines().find(|l| l.trim_start().starts_with(key)).expect(key).to_owned();
    let swapped = |text: &str, one: &str, two: &str| {
        let value = |key: &str| {
            let line = line(text, key);
            line[line.find("ENC[").expect("sealed")..].to_owned()
        };
        let (a, b) = (value(one), value(two));
        text.replace(&a, "@@").replace(&b, &a).replace("@@", &b)
    };
    let cases: Vec<(&str, String, &str)> = vec![
        ("a.env", swapped(&env, "A=", "export B="), "its tag does not fit"),
        ("a.ini", swapped(&ini, "top", "sure"), "its tag does not fit"),
        ("a.yaml", swapped(&yaml, "sure:", "number:"), "its tag does not fit"),
        ("a.env", env[..env.len() / 2].to_owned(), ""),
        ("a.ini", ini[..ini.len() / 2].to_owned(), ""),
        ("a.json", json[..json.len() / 2].to_owned(), "cannot be read as JSON"),
        ("a.env", env.replace("A_unencrypted=left", "A_unencrypted=changed"), "the MAC does not fit"),
        ("a.ini", ini.replace("k_unencrypted = left", "k_unencrypted = changed"), "the MAC does not fit"),
        ("a.env", format!("sure=open\n{env}"), "stands in the clear"),
        ("a.ini", ini.replace("[two]", "[two]\nnew = open"), "stands in the clear"),
        ("a.env", format!("nonsense\n{env}"), "cannot be read as dotenv"),
        ("a.ini", format!("nonsense\n{ini}"), "cannot be read as INI"),
        ("a.ini", format!("[open\n{ini}"), "cannot be read as INI"),
        (
            "a.ini",
            ini.replace("sure =", "sure = ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\nsure ="),
            "stands twice",
        ),
        ("a.env", env.replace("sops_mac=ENC[", "sops_mac=ECN["), "the MAC"),
        ("a.env", env.replace("sops_version=", "sops_versio="), "no version"),
        ("a.env", format!("{env}sops_mac=x\n"), "contradicts another line"),
        ("a.env", format!("{env}sops_mac__list_0=x\n"), "contradicts another line"),
        ("a.env", format!("{env}sops_age__list_x=x\n"), "contradicts another line"),
        ("a.env", format!("{env}sops_mac_only_encrypted=perhaps\n"), "neither true nor false"),
        ("a.env", format!("{env}sops_encrypted_regex=a\n"), "at most one may be set"),
        ("a.env", env.replace('\n', "\r\n"), "CRLF"),
        ("a.yaml", format!("{yaml}---\n{}", yaml.replace("sure", "other")), ""),
        ("a.yaml", yaml.replace("sops:\n", "sops: text\n_:\n"), "no mapping"),
        ("a.yaml", yaml.replace("    age:\n", "    pgp:\n"), "sealed with 1 pgp only"),
        ("a.json", json.replace("\"age\"", "\"kms\""), "sealed with 1 kms only"),
        ("a.json", json.replace("\"sops\": {", "\"sops\": 1, \"_\": {"), "no mapping"),
        ("a.bin", "{\"data\": \"open\"}".to_owned(), "no `sops` block"),
        (
            "a.yaml",
            yaml.replace(&line(&yaml, "sure:"), &line(&yaml, "sure:").replace("type:str", "type:int")),
            "",
        ),
        (
            "a.yaml",
            yaml.replace(&line(&yaml, "sure:"), &format!("sure: {{a: {}}}", &line(&yaml, "sure:")[6..])),
            "",
        ),
        ("a.yaml", yaml.replace("number:", "number: [1]\nnumber:"), "stands twice"),
        ("a.json", json.replace("\"sure\":", "\"sure\": 1, \"sure\":"), "stands in the clear"),
        ("a.yaml", yaml.replace("    mac: ", "    mac:\n      - "), "MAC"),
        ("a.yaml", yaml.replace("    age:\n", "    age: none\n    _:\n"), ""),
    ];
    for (file, text, said) in cases {
        let Err(problem) = seal::verify(text.as_bytes(), file, &ring(OPS)) else {
            panic!("{file} opened:\n{text}")
        };
        assert!(problem.cause.contains(said), "{file}: {problem} instead of {said}");
        assert!(problem.place.is_some() && !problem.next.is_empty(), "{file}: {problem}");
        assert!(!problem.cause.contains("value") || !problem.cause.contains("two words"), "{problem}");
        let edited = seal::edit(text.as_bytes(), file, &ring(OPS), vec![set(key_of(file), "x")], 0);
        assert!(edited.is_err(), "{file}: {said}");
    }
}

/// Cut behind any byte: it is refused with place and next step, or nothing of what it holds was lost.
#[test]
fn cut_anywhere_a_file_is_refused_or_holds_what_it_held() {
    let ring = ring(OPS);
    for (file, _) in PLAIN {
        let whole = sealed(file);
        let wanted = opened(&whole, file, OPS).expect("opens");
        let mut opens = 0;
        for length in (0..whole.len()).rev().step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
            let cut = &whole[..length];
            match seal::verify(cut, file, &ring) {
                Ok(()) => {
                    opens += 1;
                    assert_eq!(opened(cut, file, OPS).expect("verified"), wanted, "{file} cut at {length}");
                }
                Err(problem) => {
                    assert!(
                        problem.place.is_some() && !problem.next.is_empty(),
                        "{file} at {length}: {problem}"
                    );
                }
            }
            let _ = (seal::inspect(file, cut, &rules()), seal::findings(file, cut, &rules()));
        }
        // Only what stands behind the last character that counts, or in the version, may be missing.
        assert!(opens < 10, "{file}: {opens}");
    }
}

#[test]
fn odd_names_of_keys_are_sealed_edited_and_told_without_steering_a_terminal() {
    let names = [
        "a.b",
        "line\nbreak",
        "\u{1b}[31mred",
        "",
        "a:b",
        "# no",
        "ключ",
        " blank ",
        "sops.mac",
        "\u{202e}x",
        "[0]",
    ];
    // go-yaml writes longer ones behind a question mark.
    let long = "k".repeat(120);
    let names: Vec<&str> = names.iter().copied().chain([long.as_str()]).collect();
    let entries: Vec<String> =
        names.iter().map(|name| format!("{}: \"of {}\"", serde_json::json!(name), name.len())).collect();
    for (file, plain) in
        [("a.json", format!("{{{}}}\n", entries.join(", "))), ("a.yaml", format!("{}\n", entries.join("\n")))]
    {
        let sealed =
            seal::seal_plain(plain.as_bytes(), file, &rules(), 0).unwrap_or_else(|p| panic!("{file}: {p}"));
        let held: serde_yaml::Value =
            serde_yaml::from_str(&opened(&sealed, file, OPS).expect("opens")).expect("YAML");
        for name in &names {
            assert_eq!(held[*name].as_str(), Some(&*format!("of {}", name.len())), "{file}: {name:?}");
            let value = SecretText::from_string("new".to_owned());
            let edit = Edit::SetAt { document: 0, path: vec![Arc::from(*name)], value };
            let edited = seal::edit(&sealed, file, &ring(OPS), vec![edit], 0)
                .unwrap_or_else(|p| panic!("{file}: {p}"));
            assert!(opened(&edited, file, OPS).expect("opens").contains("new"), "{file}: {name:?}");
        }
        let damaged = String::from_utf8(sealed).expect("text").replace("data:", "data:AAAA");
        let problem = seal::verify(damaged.as_bytes(), file, &ring(OPS)).expect_err("damaged");
        let shown = format!("{problem} {}", problem.next);
        assert!(problem.place.is_some() && !shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

/// Two sealed files that somebody put into one, each with its own block.
#[test]
fn two_documents_merged_by_hand_are_told() {
    let one = String::from_utf8(sealed("a.yaml")).expect("text");
    let two =
        String::from_utf8(seal::reseal(one.as_bytes(), "a.yaml", &ring(OPS), &rules(), 0).expect("again"))
            .expect("text");
    let problem =
        seal::verify(format!("{one}---\n{two}").as_bytes(), "a.yaml", &ring(OPS)).expect_err("refused");
    assert!(problem.cause.contains("document 2 has another `sops` block"), "{problem}");
    assert!(problem.place.is_some_and(|place| place.line > 10));
}

#[test]
fn key_groups_need_as_many_as_they_say() {
    let plain = "A=1\nB=2\n";
    let file = "groups/a.env";
    let sealed = seal::seal_plain(plain.as_bytes(), file, &rules(), 0).expect("sealed");
    assert_eq!(opened(&sealed, file, &[OPS, DEV].concat()).expect("both open it"), plain);
    for one in [OPS, DEV] {
        let problem = seal::verify(&sealed, file, &ring(one)).expect_err("one does not");
        assert_eq!(problem.reason, Reason::NeedsKey);
        assert!(problem.cause.contains("needs 2 of 2 key groups, of which 1 open here"), "{problem}");
    }
    let both = ring(&[OPS, DEV].concat());
    let edited = seal::edit(&sealed, file, &both, vec![set("A", "new")], 0).expect("edited");
    assert!(String::from_utf8_lossy(&edited).contains("sops_shamir_threshold=2"));
    let again = seal::reseal(&edited, file, &both, &rules(), 0).expect("again");
    assert_eq!(opened(&again, file, &[OPS, DEV].concat()).expect("opens"), "A=new\nB=2\n");
    let info = seal::inspect(file, &again, &rules()).expect("sealed");
    assert_eq!((info.quorum, info.recipients.len()), (Some((2, 2)), 2));
}

#[test]
fn other_keys_beside_ours_are_kept_and_never_locked_out() {
    let ring = ring(OPS);
    let pgp = "    pgp:\n        - created_at: \"2024-01-01T00:00:00Z\"\n          enc: |-\n            -----BEGIN PGP MESSAGE-----\n            -----END PGP MESSAGE-----\n          fp: 85D77543B3D624B63CEA9E6DBC17301B491B3F21\n    hckms:\n        - key_id: \"tr-west-1:abc\"\n          created_at: \"2024-01-01T00:00:00Z\"\n          enc: xyz\n";
    let text =
        String::from_utf8(sealed("a.yaml")).expect("text").replace("    mac:", &format!("{pgp}    mac:"));
    assert!(seal::verify(text.as_bytes(), "a.yaml", &ring).is_ok(), "our key opens it");
    let edited = seal::edit(text.as_bytes(), "a.yaml", &ring, vec![set("sure", "x")], 0).expect("edited");
    assert!(String::from_utf8_lossy(&edited).contains(pgp));
    let refused =
        seal::reseal(text.as_bytes(), "a.yaml", &ring, &rules(), 0).expect_err("their keys would be lost");
    assert!(
        refused.cause.contains("could not open it any more") && refused.next.contains("--keep-key"),
        "{refused}"
    );
    let both = format!(
        "creation_rules: [{{age: '{},{}', pgp: 85D77543B3D624B63CEA9E6DBC17301B491B3F21, hckms: [tr-west-1:abc]}}]",
        recipient(OPS),
        recipient(DEV)
    );
    let both = Rules::parse(both.as_bytes(), ".sops.yaml");
    let kept =
        seal::rewrap(text.as_bytes(), "a.yaml", &ring, &both).expect("possible").expect("somebody comes");
    let kept = String::from_utf8(kept).expect("text");
    assert!(kept.contains(pgp) && kept.contains(&recipient(DEV)));
    let Err(problem) = seal::verify(text.as_bytes(), "a.yaml", &Keyring::default()) else {
        panic!("it opened")
    };
    assert!(problem.cause.contains("pgp 85D77543B3D624B63CEA9E6DBC17301B491B3F21"), "{problem}");
    assert!(problem.cause.contains("hckms tr-west-1:abc"), "{problem}");
}

#[test]
fn ten_thousand_keys_are_sealed_and_edited() {
    let count = 10_000;
    let mut plain = String::new();
    for n in 0..count {
        let _ = writeln!(plain, "KEY_{n}=value {n}");
    }
    for file in ["only/a.env", "b.env"] {
        let plain = if file == "b.env" { plain.clone() } else { format!("s=1\n{plain}") };
        let sealed = seal::seal_plain(plain.as_bytes(), file, &rules(), 0);
        let sealed = sealed.unwrap_or_else(|p| panic!("{file}: {p}"));
        let key = if file == "b.env" { "KEY_9999" } else { "s" };
        let edited = seal::edit(&sealed, file, &ring(OPS), vec![set(key, "new")], 0).expect("edited");
        assert!(opened(&edited, file, OPS).expect("opens").contains(&format!("{key}=new\n")));
    }
    let many: Vec<Edit> = (0..1000).map(|n| set(&format!("KEY_{n}"), "changed")).collect();
    let sealed = seal::seal_plain(plain.as_bytes(), "b.env", &rules(), 0).expect("sealed");
    let edited = seal::edit(&sealed, "b.env", &ring(OPS), many, 0).expect("edited");
    assert_eq!(opened(&edited, "b.env", OPS).expect("opens").matches("=changed\n").count(), 1000);
}

/// Larger than anything that Flux or a Secret holds: refused by name, before anything is copied.
#[test]
fn a_hundred_mebibytes_are_refused_by_name() {
    let large = vec![b'x'; 100 << 20];
    for file in ["a.bin", "a.env", "a.ini", "a.yaml", "a.json"] {
        let sealed = seal::seal_plain(&large, file, &rules(), 0).expect_err("too large");
        let opened = seal::verify(&large, file, &ring(OPS)).expect_err("too large");
        for problem in [sealed, opened] {
            assert_eq!(problem.reason, Reason::LimitExceeded, "{problem}");
            assert!(problem.cause.contains("5 MiB") && !problem.next.is_empty());
        }
    }
}
