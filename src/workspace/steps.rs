//! What to do about a leak, in order: the value first, then the file, then what history keeps, which Sealane never rewrites.

use super::firewall::Exposed;
use super::valid::Holder;
use crate::model::{Tree, clean};
use crate::seal::{self, ExposureKind, Rules};

/// How a file with a leak stands today, for sealing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Today {
    /// It is not there any more.
    Gone,
    /// It is sealed.
    Sealed,
    /// A rule of `.sops.yaml` is for its path: the rule in words.
    Ruled(String),
    /// No rule is, or one that names nobody to seal for: what is missing.
    Unruled(String),
}

impl Today {
    /// How the file at `path` stands in a tree with these rules.
    pub(super) fn of(tree: &dyn Tree, rules: &Rules, path: &str) -> Self {
        let entry = tree.entry(path).ok().flatten();
        match entry.and_then(|entry| tree.read(entry.id).ok()) {
            Some(bytes) => Self::of_bytes(&bytes, rules, path),
            None => Self::Gone,
        }
    }

    /// The same of a file that holds these bytes.
    pub(super) fn of_bytes(bytes: &[u8], rules: &Rules, path: &str) -> Self {
        if seal::inspect(path, bytes, rules).is_some() {
            return Self::Sealed;
        }
        match rules.matching(path) {
            Some(rule) if !rule.recipients.is_empty() => Self::Ruled(rule.describe()),
            Some(rule) => {
                Self::Unruled(format!("give {} of {} an `age` recipient", rule.describe(), rules.file))
            }
            None => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let expression = name.replace('.', "\\.");
                Self::Unruled(format!(
                    "add a rule to .sops.yaml that matches it (`path_regex: {}$`, with `age` recipients)",
                    clean(&expression)
                ))
            }
        }
    }
}

/// True for what tells somebody else's secret to all who can read the repository; the rest is about seals and their set-up.
pub(super) fn is_leak(kind: ExposureKind) -> bool {
    use ExposureKind as Kind;
    !matches!(
        kind,
        Kind::LostBlock
            | Kind::WholeManifest
            | Kind::Tampered
            | Kind::KeyName
            | Kind::NoDecryption
            | Kind::OtherNamespace
            | Kind::OtherFormat
            | Kind::OtherRecipients
            | Kind::Rules
    )
}

/// The steps; none for what is no leak, whose one next step the finding itself names.
pub(super) fn of(exposed: &Exposed, today: &Today, holders: &[Holder]) -> Vec<String> {
    let file = exposed.problem.place.as_ref().map_or("", |place| &place.file);
    if !is_leak(exposed.kind) || file.is_empty() {
        return Vec::new();
    }
    vec![rotate(exposed.kind, holders), put_away(exposed, today, file), history(file)]
}

fn rotate(kind: ExposureKind, holders: &[Holder]) -> String {
    let what = match kind {
        ExposureKind::Token => "revoke the token where it was issued, and have a new one made",
        ExposureKind::PrivateKey => "make a new key, and stop trusting this one everywhere",
        ExposureKind::Login | ExposureKind::UrlPassword => "change the login where it is used",
        _ => "change the value where it is used",
    };
    match holders {
        [] => what.to_owned(),
        some => {
            let names: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!(
                "{what}: {} still {}",
                names.join(", "),
                if some.len() == 1 { "holds it" } else { "hold it" }
            )
        }
    }
}

fn put_away(exposed: &Exposed, today: &Today, file: &str) -> String {
    let word = quoted(file);
    match (exposed.kind, today) {
        (_, Today::Gone) => "nothing is left to seal: the file is gone".to_owned(),
        (ExposureKind::OpenValue | ExposureKind::SealedInNameOnly, _) => {
            format!("seal the new value: mend the rule if it is wrong, then `sealane reseal {word}`")
        }
        (_, Today::Sealed) => "seal the new value: the file is sealed by now".to_owned(),
        (ExposureKind::PrivateKey | ExposureKind::DecryptedFile, _) => {
            format!("take it out (`git rm {word}`), and keep the new one outside or in a sealed file")
        }
        (ExposureKind::Generator, _) => {
            "put the new value into a sealed file, and name that in the generator's `envs` or `files`"
                .to_owned()
        }
        (ExposureKind::LastApplied, _) => "take the annotation out".to_owned(),
        (ExposureKind::SecretObject | ExposureKind::NotSealed, Today::Ruled(rule)) => {
            format!("seal the file with the new value: `sealane seal {word}` ({rule} applies)")
        }
        (ExposureKind::SecretObject | ExposureKind::NotSealed, Today::Unruled(missing)) => {
            format!("{missing}, then seal the file with the new value: `sealane seal {word}`")
        }
        (_, Today::Ruled(rule)) => format!(
            "seal the new value: `sealane seal {word}` ({rule} applies), or take it from a Secret that is sealed"
        ),
        (_, Today::Unruled(_)) => "take the new value from a Secret that is sealed".to_owned(),
    }
}

fn history(file: &str) -> String {
    format!(
        "history keeps the old value, and Sealane rewrites none: once it opens nothing it may stay. To take it out by hand: \
         `git filter-repo --invert-paths --path {}`, push by force, and have every clone and fork made anew",
        quoted(file)
    )
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", clean(path).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: ExposureKind, today: &Today) -> Vec<String> {
        of(&Exposed::lint(kind, "apps/a b.yaml", 1, String::new(), ""), today, &[])
    }

    #[test]
    fn the_value_comes_first_and_history_last() {
        let steps = told(ExposureKind::SecretObject, &Today::Ruled("rule 1".to_owned()));
        assert_eq!(steps.len(), 3);
        assert!(steps[0].starts_with("change the value"));
        assert!(steps[1].contains("`sealane seal 'apps/a b.yaml'` (rule 1 applies)"), "{steps:?}");
        assert!(steps[2].contains("Sealane rewrites none"));
    }

    #[test]
    fn what_is_missing_for_sealing_is_named() {
        let rules = Rules::default();
        let today = Today::of_bytes(b"a: b\n", &rules, "apps/a b.yaml");
        let steps = told(ExposureKind::NotSealed, &today);
        assert!(steps[1].contains("`path_regex: a b\\.yaml$`"), "{steps:?}");
        assert!(told(ExposureKind::OtherRecipients, &today).is_empty(), "no value leaked");
    }
}
