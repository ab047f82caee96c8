//! Fields that a built-in kind has, for servers whose schema is not at hand: others are dropped on write (row 11).
//!
//! A misplaced field is common (`livenessProbe` beside `containers`), harmless, and never reaches the cluster: the typed
//! round trip of Flux and the server drop it.

use super::pattern::Subject;
use crate::model::FieldStep;

const TABLE: &str = include_str!("known_fields.txt");

/// True if the kind is in the table and has no such field. A newer server may know more: ask its schema first.
pub(super) fn is_dropped(subject: &Subject, path: &[FieldStep]) -> bool {
    if !subject.built_in {
        return false;
    }
    let mut at = subject.kind;
    let mut names = path.iter().filter_map(|step| match step {
        FieldStep::Key(name) => Some(&**name),
        _ => None,
    });
    let Some(last) = names.next_back() else { return false };
    for name in names {
        match field(at, name) {
            Some(Field::Of(below)) => at = below,
            _ => return false,
        }
    }
    matches!(field(at, last), Some(Field::Missing))
}

enum Field {
    /// It is there, and what is below is in the table.
    Of(&'static str),
    /// It is there.
    Opaque,
    /// The type has no such field.
    Missing,
}

/// `None` if the type is not in the table.
fn field(of: &str, name: &str) -> Option<Field> {
    let fields = TABLE.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(':'))?;
    let found = fields.split(' ').find_map(|entry| {
        let rest = entry.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(below) => Some(Field::Of(below)),
            None => rest.is_empty().then_some(Field::Opaque),
        }
    });
    Some(found.unwrap_or(Field::Missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectKey;

    #[test]
    fn misplaced_fields_are_dropped_and_real_ones_are_not() {
        for (group, kind, path, expected) in [
            ("apps", "Deployment", "spec.template.spec.livenessProbe", true),
            ("apps", "Deployment", "spec.template.spec.containers.#a.livenessProbe", false),
            ("apps", "Deployment", "spec.template.spec.containers.#a.livenessProbe.httpGet.prot", true),
            ("apps", "Deployment", "spec.replica", true),
            ("apps", "Deployment", "metadata.labels.anything", false),
            ("", "ConfigMap", "data.anything", false),
            ("", "ConfigMap", "date", true),
            ("batch", "CronJob", "spec.jobTemplate.spec.template.spec.restartPolicy", false),
            ("example.org", "Deployment", "spec.replica", false),
            ("storage.k8s.io", "VolumeAttachment", "spec.anything", false),
        ] {
            let key = ObjectKey::new(group, kind, "a", "b");
            let path: Vec<FieldStep> = path
                .split('.')
                .map(|part| match part.strip_prefix('#') {
                    Some(item) => FieldStep::Item(item.into()),
                    None => FieldStep::Key(part.into()),
                })
                .collect();
            assert_eq!(is_dropped(&Subject::of(&key), &path), expected, "{kind} {path:?}");
        }
    }
}
