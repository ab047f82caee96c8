//! Texts of controllers, freed of what looks like a secret (diff.md 2.12).

use super::clean::clean;

/// Longest message that is kept.
const MESSAGE: usize = 2_000;

/// A text of a controller, safe for a screen: no control characters, nothing that looks like a secret, not endless.
///
/// Controllers quote what they choke on, Secrets among it. Masked are age and PEM keys, tokens of well-known forms,
/// passwords in URLs, what follows `password=` and its like, and runs of base64 of 40 letters or more that mix cases
/// and digits. Digests in hex stay: they are what a message about a revision is for.
pub fn screened(text: &str) -> String {
    let safe = clean(text);
    let mut shown = String::with_capacity(safe.len());
    let mut in_pem = false;
    let mut after_name = false;
    for word in safe.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '`'))
    {
        in_pem |= word.contains("-----BEGIN");
        let body =
            word.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '`'));
        let end = &word[body.len()..];
        if in_pem || (after_name && !body.is_empty()) {
            shown.push('•');
        } else {
            shown.push_str(&masked(body));
        }
        shown.push_str(end);
        in_pem &= !word.contains("-----END");
        if !body.is_empty() {
            after_name = names_secret(body);
        }
        if shown.len() > MESSAGE {
            shown.truncate(shown.floor_char_boundary(MESSAGE));
            shown.push('…');
            break;
        }
    }
    shown
}

/// `password:` at the end of a word announces the next one.
fn names_secret(word: &str) -> bool {
    word.strip_suffix([':', '=']).is_some_and(is_secret_name)
}

fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "secret_key",
        "secret-key",
        "privatekey",
        "private_key",
        "authorization",
    ]
    .iter()
    .any(|word| lower.ends_with(word))
}

fn masked(word: &str) -> String {
    if word.contains("AGE-SECRET-KEY-")
        || ["ghp_", "github_pat_", "glpat-", "xoxb-"].iter().any(|t| word.contains(t))
    {
        return "•".to_owned();
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        let authority = rest.split(['/', '?']).next().unwrap_or("");
        if let Some((user, host)) = authority.rsplit_once('@')
            && user.contains(':')
        {
            return format!("{scheme}://•@{host}{}", &rest[authority.len()..]);
        }
    }
    for mark in ['=', ':'] {
        if let Some((name, value)) = word.split_once(mark)
            && !value.is_empty()
            && is_secret_name(name)
        {
            return format!("{name}{mark}•");
        }
    }
    word.split_inclusive(|c: char| !is_base64(c))
        .map(|run| {
            let body = run.trim_end_matches(|c: char| !is_base64(c));
            if looks_encoded(body) { format!("•{}", &run[body.len()..]) } else { run.to_owned() }
        })
        .collect()
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_')
}

/// A long run of base64: upper and lower case and digits, and no path, which has short parts between its slashes.
fn looks_encoded(run: &str) -> bool {
    let longest = run.split('/').map(str::len).max().unwrap_or(0);
    run.len() >= 40
        && longest >= 24
        && run.bytes().any(|b| b.is_ascii_uppercase())
        && run.bytes().any(|b| b.is_ascii_lowercase())
        && run.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_secret_is_masked() {
        for (text, canary) in [
            ("cannot decode AGE-SECRET-KEY-1CANARYCANARY here", "CANARY"),
            ("bad value \"Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Q0FOQVJZMQ==\" in Secret", "Y2Fu"),
            ("cannot clone https://bob:canary@git.example.org/x: denied", "canary"),
            ("dial failed: password=canary, retrying", "canary"),
            ("dial failed: password: canary", "canary"),
            ("Authorization: canary", "canary"),
            ("-----BEGIN PRIVATE KEY----- canary canary -----END PRIVATE KEY----- after", "canary"),
        ] {
            assert!(!screened(text).contains(canary), "{}", screened(text));
        }
        assert!(screened("-----BEGIN X----- a -----END X----- after").ends_with("after"));
    }

    #[test]
    fn what_people_need_stays() {
        for text in [
            "Applied revision: main@sha1:4af8bd5c2b7d7ea2f8c1d3a5e6f708192a3b4c5d",
            "stored artifact with digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "kustomize build failed: accumulating resources from 'apps/Base/Production2/OverlayThree/deployment.yaml': not found",
            "Secret/shop/db dry-run failed: secret \"db\" not found",
            "Deployment/shop/cart status: 'InProgress'",
        ] {
            assert_eq!(screened(text), text);
        }
    }

    #[test]
    fn control_characters_and_endless_texts_do_not_pass() {
        assert!(!screened("a\u{1b}[2Jb").contains('\u{1b}'));
        assert!(screened(&"word ".repeat(5_000)).len() < 2_100);
    }
}
