//! What a value looks like: somebody's secret, a placeholder, a reference, a public key, a name.

use std::collections::HashMap;

/// True for a value that somebody could read: not sealed, not empty, not a placeholder that is filled in later.
pub(super) fn is_plain(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && !text.starts_with("ENC[")
        && !is_filled_in(text)
        && !is_dummy(text)
        && !is_public(text)
}

/// Substitutions make the value elsewhere, wherever they stand in it: `postgres://${USER}:${PASSWORD}@db`.
pub(super) fn is_filled_in(text: &str) -> bool {
    const MARKS: [&str; 12] =
        ["${", "{{", "<path:", "ref+", "$(", "{%", "<%", "%{", "op://", "vault:", "[[", "$__"];
    let is_variable = text
        .strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    is_variable || MARKS.iter().any(|mark| text.contains(mark))
}

/// `CHANGE_ME`, `<your-token>`, `__REPLACE_ME__`: what templates of a repository ask their users to replace.
pub(super) fn is_dummy(text: &str) -> bool {
    let word = letters(text);
    let asks = [
        "changeme",
        "replaceme",
        "replacethis",
        "updateme",
        "fixme",
        "todo",
        "placeholder",
        "redacted",
        "changeit",
        "y2hhbmdlbwu",
    ];
    let is_name = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let is_told = is_name
        && ["UPDATE_", "CHANGE_", "REPLACE_", "YOUR_", "INSERT_"].iter().any(|start| text.starts_with(start));
    let in_brackets = text.starts_with('<') && text.ends_with('>') && !text.contains('\n');
    let first = text.chars().next();
    let is_mask = text.len() > 2
        && first.is_some_and(|c| matches!(c, '*' | 'x' | 'X' | '.' | '-' | '_' | '0'))
        && text.chars().all(|c| Some(c) == first);
    is_told || in_brackets || is_mask || asks.contains(&&*word)
}

/// True for what a Secret may hold and everybody may know: where something is, and settings without a telling name.
pub(super) fn is_setting(key: &str, text: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let text = text.trim();
    let is_place = ["host", "hostname", "port", "region", "bucket", "endpoint", "namespace", "path"]
        .iter()
        .any(|end| key.ends_with(end))
        && !text.contains('@')
        && text.len() < 128
        && !text.contains(['\n', ' ', '?', '=']);
    let lines =
        || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let is_dotted = |line: &str| {
        line.split_once('=').is_some_and(|(name, value)| {
            let lower = name.to_ascii_lowercase();
            let telling = ["pass", "secret", "token", "key", "credential", "auth"];
            name.trim().contains('.')
                && !telling.iter().any(|word| lower.contains(word))
                && !value.contains('@')
        })
    };
    is_place || (lines().count() > 0 && lines().all(is_dotted))
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).take(24);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// True for keys whose values say who or where, and with what nobody comes in: equal ones are no sign of a leak in use.
pub(super) fn says_who(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["user", "username", "login", "email", "name", "url", "server", "domain", "issuer", "type"]
        .iter()
        .any(|end| key.ends_with(end))
}

/// Certificates and public keys are for everybody.
pub(super) fn is_public(text: &str) -> bool {
    let starts = ["-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "ssh-", "ecdsa-sha2-", "age1"];
    let text = text.trim_start();
    // A chain of certificates; a key behind one is no part of it.
    starts.iter().any(|start| text.starts_with(start)) && !text.contains("PRIVATE KEY")
}

/// Words that stand for nothing where a password is wanted: those of examples, types of schemas, names of other things.
const STOCK_WORDS: &str = "password passwd secret token string integer boolean object array number null none true false \
     yes no test example dummy sample default unused notused required optional auto generated \
     disabled enabled undefined empty external value file env data key apikey mypassword \
     yourpassword username user admin root postgres basic bearer kubernetes vault plain oauth na";
/// What a text holds that stands for nothing.
const STOCK_PARTS: &str = "password passwd secret token credential example changeme change-me replace your- your_ \
     placeholder dummy apikey";

/// True for what stands for nothing where a password is wanted.
fn is_stock(text: &str) -> bool {
    let (letters, lower) = (letters(text), text.to_ascii_lowercase());
    STOCK_WORDS.split(' ').any(|word| word == letters)
        || STOCK_PARTS.split(' ').any(|part| lower.contains(part))
}

/// True for a word that a person could have chosen as a password. Names, paths, types and expressions are none.
pub(super) fn is_password(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"!@#$%^&*+-_=.~?,;:/\\".contains(&b);
    let is_variable =
        text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') && text.contains('_');
    let is_place =
        text.starts_with(['/', '.', '*', '&', '!', '@', '-']) || text.contains("://") || text.contains("::");
    let dotted = text.split('.').count() > 2
        || text
            .rsplit_once('.')
            .is_some_and(|(_, e)| (2..=5).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_lowercase()));
    let is_call = text.ends_with(';') || text.ends_with(':') || text.contains('(');
    (6..=128).contains(&text.len())
        && text.bytes().all(is_word)
        && !(is_variable
            || is_place
            || dotted
            || is_call
            || is_stock(text)
            || is_dummy(text)
            || is_name(text))
}

/// `grafana-admin-login`: words of small letters with hyphens or underscores between them name something.
fn is_name(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '_']).collect();
    parts.len() > 1 && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_lowercase()))
}

/// True for what a generator of keys makes: long, of letters and digits, and without words in it.
pub(super) fn is_random(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
    if !(16..=300).contains(&text.len()) || !text.bytes().all(is_letter) || is_uuid(text) || is_stock(text) {
        return false;
    }
    let longest = text.split(['-', '_', '/', '+', '=']).max_by_key(|part| part.len()).unwrap_or_default();
    let digits = longest.bytes().filter(u8::is_ascii_digit).count();
    let letters = longest.bytes().filter(u8::is_ascii_alphabetic).count();
    let turns = longest.as_bytes().windows(2).filter(|w| class(w[0]) != class(w[1])).count();
    longest.len() >= 12 && digits >= 2 && letters >= 3 && turns * 5 >= longest.len() && entropy(text) >= 3.0
}

fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Shannon entropy in bits a letter.
fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<u8, u32> = HashMap::new();
    text.bytes().for_each(|b| *counts.entry(b).or_default() += 1);
    let all = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts.values().map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}

/// True for a token with as many letters as its service gives it: samples repeat one letter or count up.
pub(super) fn is_varied(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let samples = ["example", "xxxxx", "00000", "12345678", "abcdefgh", "aaaaa"];
    entropy(text) >= 2.5 && !samples.iter().any(|sample| lower.contains(sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_told_from_names_and_types() {
        for text in ["hunter2!", "prom-Operator1", "Tr0ub4dor&3", "correcthorse", "minioadmin"] {
            assert!(is_password(text), "{text}");
        }
        for text in [
            "password",
            "string",
            "my-db-login",
            "DB_PASSWORD",
            "/run/secrets/db",
            "secrets.yaml",
            "{ secret: x }",
            "a.b.c",
            "the password of it",
            "https://x",
            "changeme",
            "admin-password",
        ] {
            assert!(!is_password(text), "{text}");
        }
    }

    #[test]
    fn random_texts_are_told_from_names_and_ids() {
        for text in
            ["wJalrXUtnFEMIK7MDENGbPxRfiCYz1", "9f86d081884c7d659a2feaa0c55ad015", "Zm9vYmFyMTIzNDU2Nzg5MA=="]
        {
            assert!(is_random(text), "{text}");
        }
        for text in [
            "cert-manager-webhook-ca",
            "prometheus-k8s-token-x7sd2",
            "123e4567-e89b-12d3-a456-426614174000",
            "kubernetes.io/dockerconfigjson",
            "letsencrypt-production",
            "1234567890123456",
        ] {
            assert!(!is_random(text), "{text}");
        }
    }
}
