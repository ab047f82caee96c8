//! What fuzzing once began from and found, run through the same drivers: seeds as they are, and the inputs that reached
//! new code, one a line, with `\xNN` for what is no printable ASCII.

use std::path::{Path, PathBuf};

#[path = "../fuzz/src/drive/age.rs"]
mod age;
#[path = "../fuzz/src/drive/kustomization.rs"]
mod kustomization;
#[path = "../fuzz/src/drive/merge.rs"]
mod merge;
#[path = "../fuzz/src/drive/sealed_secrets.rs"]
mod sealed_secrets;
#[path = "../fuzz/src/drive/sops.rs"]
mod sops;
#[path = "../fuzz/src/drive/substitution.rs"]
mod substitution;
#[path = "../fuzz/src/drive/yaml.rs"]
mod yaml;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// What fuzzing of a target once began from.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let seeds = std::fs::read_dir(folder("seeds").join(target)).expect("every target has seeds");
    seeds
        .map(|seed| std::fs::read(seed.expect("a folder that can be read").path()).expect("a file"))
        .collect()
}

/// Runs all inputs of a target; gives back how many.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let mut inputs = seeds(target);
    let found = std::fs::read_to_string(folder("found").join(target)).expect("every target found something");
    inputs.extend(found.lines().map(bytes_of));
    for input in &inputs {
        run(input);
    }
    inputs.len()
}

/// The bytes that `slice::escape_ascii` wrote as this line.
fn bytes_of(line: &str) -> Vec<u8> {
    let (mut bytes, mut letters) = (Vec::new(), line.bytes());
    while let Some(letter) = letters.next() {
        bytes.push(match letter {
            b'\\' => match letters.next().expect("a letter after a backslash") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let mut digit =
                        || char::from(letters.next().expect("two digits")).to_digit(16).expect("a digit");
                    u8::try_from(digit() * 16 + digit()).expect("two digits are a byte")
                }
                itself => itself,
            },
            letter => letter,
        });
    }
    bytes
}

#[test]
fn a_line_is_what_was_escaped() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(bytes_of(&bytes.escape_ascii().to_string()), bytes);
}

#[test]
fn the_yaml_layer_takes_them() {
    assert!(replay("yaml", yaml::run) > 100);
}

#[test]
fn the_kustomization_loader_takes_them() {
    assert!(replay("kustomization", kustomization::run) > 100);
}

#[test]
fn patches_and_replacements_take_them() {
    assert!(replay("merge", merge::run) > 100);
}

#[test]
fn substitution_takes_them() {
    assert!(replay("substitution", substitution::run) > 100);
}

/// Each seed, and each with bytes of it turned over or cut off.
fn damage(target: &str, run: fn(&[u8])) -> usize {
    let mut count = 0;
    for seed in seeds(target) {
        run(&seed);
        for at in (1..seed.len()).step_by(seed.len() / 8 + 1) {
            let mut damaged = seed.clone();
            damaged[at] ^= 0x15;
            run(&damaged);
            run(&seed[..at]);
            count += 1;
        }
    }
    count
}

#[test]
fn the_stores_take_them() {
    assert!(damage("sops", sops::run) > 50);
}

#[test]
fn age_files_and_keys_take_them() {
    assert!(damage("age", age::run) > 50);
}

#[test]
fn sealed_secrets_take_them() {
    assert!(damage("sealed_secrets", sealed_secrets::run) > 30);
}
