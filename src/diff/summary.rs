//! Changes in one line, as a person would say them: `image 1.8.1 → 1.8.2, replicas 3 → 5`.

use super::change::Change;
use super::generated::base_name;
use crate::model::{FieldPath, FieldStep, clean};
use crate::yaml::{Node, Value};

/// More than so many parts become "and n more".
const PARTS: usize = 3;
/// Longer values are not quoted.
const VALUE: usize = 40;

/// The changes of one object in one line; empty if there are none.
#[must_use]
pub fn summarize(changes: &[Change]) -> String {
    if let [only] = changes
        && only.path.0.is_empty()
    {
        return if only.before.is_none() { "new" } else { "removed" }.to_owned();
    }
    let secrets = changes.iter().filter(|c| is_secret_key(c)).count();
    let images = changes.iter().filter(|c| ends(&c.path, &["image"])).count();
    let mut parts: Vec<String> = Vec::new();
    for change in changes.iter().filter(|c| !is_secret_key(c)) {
        let part = sentence(change, images > 1);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if secrets > 0 {
        let keys = if secrets == 1 { "key" } else { "keys" };
        parts.insert(0, format!("{secrets} {keys} of secret changed"));
    }
    let more = parts.len().saturating_sub(PARTS);
    if more > 1 {
        parts.truncate(PARTS);
        parts.push(format!("{more} more fields"));
    }
    parts.join(", ")
}

/// A value of a Secret, or a sealed one: told by number only.
fn is_secret_key(change: &Change) -> bool {
    let sealed = |node: &Option<Node>| matches!(node.as_ref().map(|n| &n.value), Some(Value::Secret(_)));
    matches!(change.path.0.first(), Some(FieldStep::Key(key)) if &**key == "data")
        && (sealed(&change.before) || sealed(&change.after))
}

fn sentence(change: &Change, name_images: bool) -> String {
    let path = &change.path.0;
    if ends(&change.path, &["image"]) {
        return image(change, name_images);
    }
    if let Some(text) = renewed(change) {
        return text;
    }
    match path.as_slice() {
        [.., FieldStep::Key(env), FieldStep::Item(name), FieldStep::Key(value)]
            if &**env == "env" && &**value == "value" =>
        {
            return variable(name, change);
        }
        [.., FieldStep::Key(list), FieldStep::Item(name)] => {
            let noun = match &**list {
                "env" => "env",
                "containers" => "container",
                "initContainers" => "init container",
                "volumes" => "volume",
                "volumeMounts" => "mount",
                "ports" => "port",
                other => other,
            };
            return format!("{noun} {name} {}", came_or_went(change));
        }
        [.., FieldStep::Key(map), FieldStep::Key(name)] => {
            let noun = match &**map {
                "labels" | "matchLabels" => "label",
                "annotations" => "annotation",
                "data" | "binaryData" if path.len() == 2 => "key",
                _ => "",
            };
            if !noun.is_empty() {
                return format!("{noun} {} {}", clean(name), short_arrow(change));
            }
        }
        _ => {}
    }
    format!("{} {}", tail(&change.path), short_arrow(change))
}

fn ends(path: &FieldPath, names: &[&str]) -> bool {
    let steps = path.0.iter().rev();
    names.iter().rev().zip(steps).all(|(name, step)| matches!(step, FieldStep::Key(key) if &**key == *name))
        && path.0.len() >= names.len()
}

/// `image 1.8.1 → 1.8.2` if only the tag changed, else both names.
fn image(change: &Change, named: bool) -> String {
    let text = |node: &Option<Node>| clean(node.as_ref().and_then(Node::as_str).unwrap_or(""));
    let (before, after) = (text(&change.before), text(&change.after));
    let (old, new) = (split_image(&before), split_image(&after));
    if before.is_empty() || after.is_empty() || old.0 != new.0 {
        return format!("image {}", short_arrow(change));
    }
    let name = if named { format!("{} ", old.0.rsplit('/').next().unwrap_or(old.0)) } else { String::new() };
    format!("image {name}{} → {}", tag(old.1), tag(new.1))
}

/// Name and what follows it; a colon before the last slash belongs to the registry's port.
fn split_image(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (split_image(name).0, digest);
    }
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    match image[slash..].find(':') {
        Some(colon) => (&image[..slash + colon], &image[slash + colon + 1..]),
        None => (image, ""),
    }
}

fn tag(text: &str) -> String {
    match text.split_once(':') {
        Some((_, hex)) => hex.chars().take(7).collect(),
        None if text.is_empty() => "latest".to_owned(),
        None => text.to_owned(),
    }
}

fn variable(name: &str, change: &Change) -> String {
    let text = |node: &Option<Node>| node.as_ref().and_then(Node::scalar_text).map(str::to_ascii_lowercase);
    let is = |text: &Option<String>, words: &[&str]| text.as_deref().is_some_and(|t| words.contains(&t));
    let (on, off) = (["true", "on", "yes", "1", "enabled"], ["false", "off", "no", "0", "disabled"]);
    let (before, after) = (text(&change.before), text(&change.after));
    if is(&before, &on) && is(&after, &off) {
        return format!("env {name} off");
    }
    if is(&before, &off) && is(&after, &on) {
        return format!("env {name} on");
    }
    format!("env {name} {}", short_arrow(change))
}

/// A reference to a generated object follows the hash in its name (render.md 12).
fn renewed(change: &Change) -> Option<String> {
    let before = base_name(change.before.as_ref()?.as_str()?)?;
    let after = base_name(change.after.as_ref()?.as_str()?)?;
    (before == after).then(|| format!("content of {} changed", clean(after)))
}

fn came_or_went(change: &Change) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

/// `a → b` for short values, a word for the rest.
fn short_arrow(change: &Change) -> String {
    if !change.note.is_empty() {
        return change.note.clone();
    }
    match (quoted(change.before.as_ref()), quoted(change.after.as_ref())) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) if change.before.is_none() => format!("set to {after}"),
        _ => came_or_went(change).to_owned(),
    }
}

fn quoted(node: Option<&Node>) -> Option<String> {
    let text = node?.scalar_text()?;
    let short = text.chars().count() <= VALUE && !text.contains('\n') && !text.is_empty();
    short.then(|| clean(text))
}

/// The end of the path that a person needs: from the nearest telling name on.
fn tail(path: &FieldPath) -> String {
    let telling =
        ["resources", "strategy", "securityContext", "livenessProbe", "readinessProbe", "startupProbe"];
    let from = path
        .0
        .iter()
        .rposition(|step| matches!(step, FieldStep::Key(key) if telling.contains(&&**key)))
        .unwrap_or_else(|| match path.0.iter().rposition(|step| !matches!(step, FieldStep::Key(_))) {
            Some(item) if item + 1 < path.0.len() => item + 1,
            Some(item) => item.saturating_sub(1),
            None => path.0.len().saturating_sub(2).max(usize::from(path.0.len() > 1)),
        });
    FieldPath(path.0[from.min(path.0.len().saturating_sub(1))..].to_vec()).to_string()
}
