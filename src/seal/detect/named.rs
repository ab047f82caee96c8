//! Values whose names say that they are secret: `password: hunter2`, a variable of a container, an argument.

use super::exposure::{Exposure, Kind};
use super::plain::{is_filled_in, is_password, is_public, is_random};
use super::tokens::Lines;
use crate::model::clean;
use regex::bytes::{Captures, Regex};
use std::sync::LazyLock;

/// How names of secrets end.
const NAMES: &str = "password|passwd|passphrase|pwd|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|secret[_.-]?key|auth[_.-]?key|credentials?|dsn|connection[_.-]?string";

/// Compiled for every file; the others where it matches.
static HINTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!("(?-u)(?i)(?:{NAMES})[\"']?(?:[ \\t]*[:=]|[ \\t]*\\r?\\n[ \\t]*value:| )")).ok()
});

struct Shapes {
    /// `name: value`, `name=value`, `"name": "value"` on a line of its own.
    line: Regex,
    /// A variable of a container: `- name: X`, then `value: y`.
    variable: Regex,
    /// `--name=value`.
    argument: Regex,
    /// Pairs of JSON that share a line.
    pair: Regex,
}

/// Compiled once. The expressions are constants, and a test compiles them all.
static SHAPES: LazyLock<Option<Shapes>> = LazyLock::new(|| {
    let regex = |text: String| Regex::new(&format!("(?-u)(?i){text}")).ok();
    Some(Shapes {
        line: regex(format!(
            "(?m)^[ \\t]*(?:-[ \\t]+)?(?:export[ \\t]+|set[ \\t]+)?[\"']?([a-z0-9_./-]*?(?:{NAMES}))[\"']?[ \\t]*[:=][ \\t]*([^\\s#][^\\r\\n]*)$"
        ))?,
        variable: regex(format!(
            "(?m)^[ \\t]*(?:-[ \\t]+)?name:[ \\t]*[\"']?([a-z0-9_.-]*?(?:{NAMES}))[\"']?[ \\t]*\\r?\\n[ \\t]*value:[ \\t]*([^\\s#][^\\r\\n]*)$"
        ))?,
        argument: regex(format!(
            "(?:^|[\\s\"'\\[,=])--([a-z0-9-]*(?:{NAMES}))(?:=|[ \\t]+)([^\\s\"',\\]\\\\-][^\\s\"',\\]]*)"
        ))?,
        pair: regex(format!("\"([a-z0-9_.-]*?(?:{NAMES}))\"[ \\t]*:[ \\t]*\"([^\"\\\\\\r\\n]*)\""))?,
    })
});

/// Endings of files that hold settings; prose and programs speak of passwords without holding any.
fn holds_settings(path: &str) -> bool {
    const ENDINGS: [&str; 14] = [
        "yaml",
        "yml",
        "json",
        "env",
        "ini",
        "toml",
        "conf",
        "cfg",
        "properties",
        "tfvars",
        "tf",
        "hcl",
        "config",
        "envrc",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending)) || name.starts_with(".env")
}

/// Values that their names give away.
pub(super) fn in_text(path: &str, bytes: &[u8]) -> Vec<Exposure> {
    if !holds_settings(path) || !HINTED.as_ref().is_some_and(|hint| hint.is_match(bytes)) {
        return Vec::new();
    }
    let Some(shapes) = &*SHAPES else { return Vec::new() };
    let is_json = path.rsplit_once('.').is_some_and(|(_, ending)| ending == "json");
    let mut found: Vec<(usize, Exposure)> = Vec::new();
    let patterns = [&shapes.line, &shapes.variable, &shapes.argument, &shapes.pair];
    for (number, pattern) in patterns.into_iter().enumerate() {
        // A line of JSON is a pair.
        if (number == 0 && is_json) || (number == 3 && !is_json) {
            continue;
        }
        for captures in pattern.captures_iter(bytes) {
            found.extend(named(path, &captures));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.dedup_by_key(|(at, _)| *at);
    let mut lines = Lines::new(bytes);
    let at_line = |(at, exposure): (usize, Exposure)| {
        let mut exposure = exposure;
        exposure.problem = exposure.problem.at(path, lines.of(at));
        exposure
    };
    found.into_iter().map(at_line).collect()
}

fn named(path: &str, captures: &Captures<'_>) -> Option<(usize, Exposure)> {
    let (name, value) = (captures.get(1)?, captures.get(2)?);
    let (name, raw) =
        (std::str::from_utf8(name.as_bytes()).ok()?, std::str::from_utf8(value.as_bytes()).ok()?);
    let text = unquoted(raw)?;
    if !is_secret(name, text) {
        return None;
    }
    let cause = format!("`{}` stands in the clear", clean(name));
    let next = "seal it, or take it from a Secret, then change the value: history still has it";
    let exposure = Exposure::new(Kind::NamedValue, path, 0, cause, text.as_bytes()).next(next);
    Some((value.start(), exposure.holding([text.as_bytes()])))
}

/// The value without quotes, comma and comment; nothing for what is no scalar.
fn unquoted(raw: &str) -> Option<&str> {
    let raw = raw.trim().trim_end_matches([',', ';']).trim_end();
    for quote in ['"', '\''] {
        if let Some(rest) = raw.strip_prefix(quote) {
            return rest.split_once(quote).map(|(inner, _)| inner);
        }
    }
    let text = raw.split(" #").next().unwrap_or(raw).trim();
    (!text.is_empty() && !text.starts_with(['{', '[', '|', '>', '*', '&', '!', '%', '@', '`']))
        .then_some(text)
}

/// Whether a value under such a name is somebody's secret.
fn is_secret(name: &str, value: &str) -> bool {
    if value.starts_with("ENC[") || is_filled_in(value) || is_public(value) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if ends(&["password", "passwd", "passphrase", "pwd"]) {
        return is_password(value);
    }
    // `existingSecret`, `imagePullSecret`, `nextPageToken`: names of other things, and no secrets.
    let is_other = lower.contains("existing") || lower.contains("pull") || lower.contains("publi");
    !is_other && is_random(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        let place = |e: &Exposure| e.problem.place.as_ref().map_or(0, |p| p.line);
        in_text(path, text.as_bytes()).iter().map(|e| format!("{} {}", place(e), e.problem.cause)).collect()
    }

    #[test]
    fn values_are_found_under_telling_names() {
        for (path, text) in [
            ("values.yaml", "a: b\nadminPassword: hunter2!\n"),
            ("values.yaml", "a: b\n- adminPassword: \"hunter2!\" # the old one\n"),
            ("app.env", "A=b\nDB_PASSWORD=hunter2!\n"),
            ("app.ini", "[db]\npassword = hunter2!\n"),
            ("deployment.yaml", "env:\n  - name: DB_PASSWORD\n    value: hunter2!\n"),
            ("a.json", "{\n \"apiToken\": \"9f86d081884c7d659a2feaa0c55ad015\"}\n"),
            ("job.yaml", "args:\n  - --db-password=hunter2!\n"),
        ] {
            assert_eq!(of(path, text).len(), 1, "{text}");
        }
        assert_eq!(
            of("values.yaml", "a: b\nadminPassword: hunter2!\n"),
            ["2 `adminPassword` stands in the clear"]
        );
    }

    #[test]
    fn references_and_prose_are_not() {
        for (path, text) in [
            ("values.yaml", "password: ${PASSWORD}\nsecret: cart-db\ntoken: \"\"\n"),
            ("values.yaml", "existingSecret: cart-db-9f86d081884c7d659a2f\npasswordKey: password\n"),
            ("values.yaml", "password: ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]\n"),
            ("crd.yaml", "password:\n  type: string\n  description: the password\n"),
            ("main.go", "password = \"hunter2!\"\n"),
            ("d.yaml", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: a, key: password}\n"),
        ] {
            assert_eq!(of(path, text), [""; 0], "{text}");
        }
    }
}
