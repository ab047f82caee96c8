//! The firewall: what in a file should be sealed and is not, told by structure first and by patterns second
//! (secrets.md 6.2). Values are never told.
//!
//! | file | job |
//! | --- | --- |
//! | `exposure` | [`Exposure`]: one finding, its kind, its digest |
//! | `objects` | Secrets wherever they stand, patches and generators of them, logins |
//! | `sealed` | files that are sealed, or say so |
//! | `tokens` | private keys, tokens of known services, URLs with passwords, also in base64 |
//! | `named` | values whose names give them away |
//! | `plain` | what a value looks like |

mod exposure;
mod named;
mod objects;
mod plain;
mod sealed;
mod tokens;

use super::inspect::format_of;
use super::open::documents;
use super::rules::Rules;
use crate::model::SealedFormat;
use crate::yaml::Node;
pub use exposure::{Exposure, Kind};
use regex::bytes::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What stands in every file that is sealed, or was.
static SEALED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)sops|ENC\[AES256_GCM").ok());

/// What stands in a file with values sealed for a controller.
static FOR_CONTROLLER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("(?-u)SealedSecret").ok());

/// What in this file should be sealed and is not.
pub fn findings(path: &str, bytes: &[u8], rules: &Rules) -> Vec<Exposure> {
    look(path, bytes, rules).exposures
}

/// The lines of a file on which something secret stands in the clear: whoever prints them hides what they hold.
pub fn open_lines(path: &str, bytes: &[u8], rules: &Rules) -> BTreeSet<u32> {
    let found = look(path, bytes, rules);
    let all = || 1..=u32::try_from(bytes.split(|b| *b == b'\n').count()).unwrap_or(u32::MAX);
    let mut lines: BTreeSet<u32> = found.lines.into_iter().collect();
    for exposure in &found.exposures {
        let line = exposure.problem.place.as_ref().map_or(0, |place| place.line);
        match exposure.kind {
            // A key goes on below its mark.
            Kind::PrivateKey => lines.extend(key_lines(bytes, line)),
            // What is told of a whole file is told of every line.
            Kind::NotSealed | Kind::SealedInNameOnly | Kind::DecryptedFile => lines.extend(all()),
            _ => lines.extend((line > 0).then_some(line)),
        }
    }
    lines
}

/// From the line that begins a key to the one that ends it.
fn key_lines(bytes: &[u8], first: u32) -> impl Iterator<Item = u32> {
    let text = String::from_utf8_lossy(bytes);
    let behind = text.lines().skip(first.saturating_sub(1) as usize);
    let is_block =
        text.lines().nth(first.saturating_sub(1) as usize).is_some_and(|line| line.contains("-----BEGIN"));
    let count = if is_block { behind.take_while(|line| !line.contains("-----END")).count() } else { 0 };
    first..=first.saturating_add(u32::try_from(count).unwrap_or(0))
}

fn look(path: &str, bytes: &[u8], rules: &Rules) -> objects::Found {
    if is_binary(bytes) {
        return objects::Found::default();
    }
    let mut found = objects::Found::default();
    let is_structured = matches!(format_of(path), SealedFormat::Yaml | SealedFormat::Json);
    let is_sealed = SEALED.as_ref().is_some_and(|mark| mark.is_match(bytes));
    let is_ruled = rules.matching(path).is_some_and(|rule| rule.path.is_some());
    let is_wanted = objects::is_hinted(bytes) && !is_prose(path);
    let is_envelope = bytes.first() == Some(&b'{') && is_sealed;
    let has_seals = is_structured && FOR_CONTROLLER.as_ref().is_some_and(|mark| mark.is_match(bytes));
    let is_said = is_sealed || is_ruled || sealed::promises(path);
    if is_wanted || is_envelope || has_seals || (is_structured && is_said) {
        match documents(bytes, path) {
            Ok(all) => {
                found = objects::in_documents(path, &all, rules);
                found.exposures.extend(of_sealed_secrets(path, &all));
                if is_structured || is_envelope {
                    let known = found.exposures.iter().any(|e| e.kind == Kind::SecretObject);
                    found.exposures.extend(sealed::in_documents(path, bytes, &all, rules, known));
                } else {
                    found.exposures.extend(sealed::in_lines(path, bytes, rules));
                }
            }
            Err(_) if is_wanted => found = objects::in_template(path, &String::from_utf8_lossy(bytes)),
            Err(_) => {}
        }
    } else if !is_structured && (is_sealed || is_ruled || sealed::promises(path)) {
        found.exposures.extend(sealed::in_lines(path, bytes, rules));
    }
    found.exposures.extend(decrypted(path, bytes));
    by_shape(path, bytes, found)
}

/// Values of SealedSecrets that are not sealed at all.
fn of_sealed_secrets(path: &str, all: &[Node]) -> impl Iterator<Item = Exposure> {
    super::sealed_secrets::findings(path, all).into_iter().map(|problem| {
        let line = problem.place.as_ref().map_or(0, |place| place.line);
        let cause = problem.cause.clone();
        Exposure::new(
            Kind::OpenValue,
            &problem.place.map_or_else(String::new, |p| p.file.to_string()),
            line,
            cause,
            problem.cause.as_bytes(),
        )
        .next(problem.next)
    })
}

/// Adds what is told by its shape and by its name, unless its line was spoken of already.
fn by_shape(path: &str, bytes: &[u8], found: objects::Found) -> objects::Found {
    let objects::Found { mut exposures, mut lines } = found;
    let line = |e: &Exposure| e.problem.place.as_ref().map_or(0, |p| p.line);
    let tokens: Vec<Exposure> = tokens::in_text(path, bytes)
        .into_iter()
        .filter(|e| e.kind == Kind::PrivateKey || !lines.contains(&line(e)))
        .collect();
    lines.extend(exposures.iter().chain(&tokens).map(line));
    exposures.extend(tokens);
    // A file that is open as a whole is told once.
    if !exposures.iter().any(|e| matches!(e.kind, Kind::NotSealed | Kind::SealedInNameOnly)) {
        exposures.extend(named::in_text(path, bytes).into_iter().filter(|e| !lines.contains(&line(e))));
    }
    objects::Found { exposures, lines }
}

/// What `helm secrets dec` and others leave behind.
fn decrypted(path: &str, bytes: &[u8]) -> Option<Exposure> {
    let name = path.rsplit('/').next().unwrap_or(path);
    // `values.dec.yaml`, `values.yaml.dec`: one of the parts behind the first.
    let is_left = name.split('.').skip(1).any(|part| matches!(part, "dec" | "decrypted"));
    let has_something = bytes.iter().any(|byte| !byte.is_ascii_whitespace());
    let is_sealed = SEALED.as_ref().is_some_and(|mark| mark.is_match(bytes));
    (is_left && has_something && !is_sealed).then(|| {
        let cause = "a decrypted file, by its name".to_owned();
        Exposure::new(Kind::DecryptedFile, path, 0, cause, bytes)
            .next("take it out and ignore such files (`*.dec*` in .gitignore); then change its values: history has them")
    })
}

/// Documents about Secrets hold Secrets of nobody.
fn is_prose(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "md" | "markdown" | "rst" | "adoc" | "html" | "go" | "py" | "rs" | "js" | "ts")
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(1024).any(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problem;

    const RULES: &str = include_str!("../../demo/sealed/rules.yaml");
    const CART: &str = include_str!("../../demo/sealed/cart-prod-2.yaml");

    fn of(path: &str, text: &str) -> Vec<Problem> {
        let rules = Rules::parse(RULES.as_bytes(), ".sops.yaml");
        findings(path, text.as_bytes(), &rules).into_iter().map(|exposure| exposure.problem).collect()
    }

    #[test]
    fn a_secret_in_the_clear_is_found_with_its_line_and_without_its_value() {
        let text =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: smtp\nstringData:\n  PASSWORD: canary-4711\n";
        let found = of("apps/mail/smtp.yaml", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.as_ref().map(|p| p.line), Some(6));
        assert_eq!(found[0].cause, "Secret smtp holds `PASSWORD` in the clear");
        assert!(!format!("{found:?}").contains("canary"));
    }

    #[test]
    fn a_sealed_file_is_clean() {
        assert_eq!(of("apps/cart/overlays/prod/db.sops.yaml", CART), []);
    }

    #[test]
    fn a_file_that_is_sealed_in_name_only_is_found() {
        let text = CART.replace("    url: ENC", "    extra: open-word\n    url: ENC");
        let found = of("apps/cart/overlays/prod/db.sops.yaml", &text);
        assert!(found.iter().any(|f| f.cause.contains("extra")), "{found:?}");
        let broken = CART.replace("^(data|stringData)$", "^(data");
        assert!(!of("a.yaml", &broken).is_empty());
    }

    #[test]
    fn a_file_under_a_rule_must_be_sealed() {
        let found = of("apps/x/overlays/dev/values.sops.yaml", "password: open\n");
        assert!(found[0].cause.contains("rule 1"), "{found:?}");
    }

    #[test]
    fn private_keys_are_found_and_prose_about_them_is_not() {
        assert_eq!(of("keys.txt", super::super::testing::OPS).len(), 1);
        assert_eq!(of("README.txt", "Never commit a file with AGE-SECRET-KEY-1 in it.\n"), []);
    }

    #[test]
    fn what_a_template_asks_to_replace_is_no_secret() {
        let object = |value: &str| {
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  a: {value}\n")
        };
        for value in
            ["CHANGE_ME", "__REPLACE_ME__", "UPDATE_AWS_KEY", "<your-token>", "change me", "u://${A}:${B}@c"]
        {
            assert_eq!(of("a.yaml", &object(value)), [], "{value}");
        }
        for value in ["change-it-4711", "minioadmin", "UPDATE_x"] {
            assert_eq!(of("a.yaml", &object(value)).len(), 1, "{value}");
        }
        let encoded = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: Y2hhbmdlIG1lCg==, b: aHVudGVyMg==}\n";
        assert!(of("a.yaml", encoded)[0].cause.contains("holds `b` in"));
    }

    #[test]
    fn where_argo_finds_a_repository_is_no_secret() {
        let text = |more: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels: {{argocd.argoproj.io/secret-type: repository}}\n\
                 stringData:\n  url: https://charts.example\n  type: helm\n{more}"
            )
        };
        assert_eq!(of("a.yaml", &text("")), []);
        assert!(of("a.yaml", &text("  password: hunter2\n"))[0].cause.contains("holds `password` in"));
    }

    #[test]
    fn the_rules_file_is_not_asked_to_be_sealed() {
        let rules =
            Rules::parse(b"creation_rules:\n  - path_regex: .*sops.yaml\n    age: age1x\n", ".sops.yaml");
        assert!(findings(".sops.yaml", b"creation_rules: []\n", &rules).is_empty());
        assert_eq!(findings("a.sops.yaml", b"a: b\n", &rules).len(), 1);
    }

    #[test]
    fn references_and_placeholders_are_no_secrets() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: '${TOKEN}', b: ''}\n";
        assert_eq!(of("a.yaml", text), []);
    }
}
