//! Conditions of a status, made safe for a screen.

use crate::model::{Condition, ConditionStatus, clean, screened};
use crate::yaml::Node;

/// The conditions of an object.
pub(super) fn conditions(body: &Node) -> Vec<Condition> {
    let list = body.at_path(&["status", "conditions"]).and_then(Node::as_seq).unwrap_or(&[]);
    list.iter()
        .filter_map(|entry| {
            let text = |name: &str| screened(entry.str_at(&[name]).unwrap_or(""));
            Some(Condition {
                kind: clean(entry.str_at(&["type"])?).into(),
                status: match entry.str_at(&["status"]) {
                    Some("True") => ConditionStatus::True,
                    Some("False") => ConditionStatus::False,
                    _ => ConditionStatus::Unknown,
                },
                reason: text("reason").into(),
                message: text("message").into(),
                since: text("lastTransitionTime").into(),
            })
        })
        .collect()
}
