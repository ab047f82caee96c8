//! Columns of values that stand inside a block or an env file: their readers see a part of the file only.

use super::story::Told;
use crate::model::Tree;
use crate::yaml::{Mark, Node};

/// Gives every place of a step its column, by looking at the line in the tree.
pub fn settle(told: &mut Told, tree: &dyn Tree) {
    let inline = told.by.starts_with("Patch") && told.written.file.as_ref() == Some(&told.place.file);
    let text = told.after.as_ref().or(told.before.as_ref()).and_then(Node::scalar_text);
    if told.written.column == 0 || inline {
        place(&mut told.written, text, tree);
    }
    for because in &mut told.because {
        if let Some(mark) = because.place.as_mut().filter(|mark| mark.column == 0) {
            place(mark, None, tree);
        }
    }
}

fn place(mark: &mut Mark, value: Option<&str>, tree: &dyn Tree) {
    if let Some(column) = line(mark, tree).and_then(|line| column(&line, mark.column, value)) {
        mark.column = column;
    }
}

/// The line of a mark.
fn line(mark: &Mark, tree: &dyn Tree) -> Option<String> {
    let entry = tree.entry(mark.file.as_deref()?).ok()??;
    let bytes = tree.read(entry.id).ok()?;
    let number = usize::try_from(mark.line).ok()?.checked_sub(1)?;
    let line = bytes.split(|byte| *byte == b'\n').nth(number)?;
    Some(String::from_utf8_lossy(line).into_owned())
}

/// The column of a value in its line: where its text begins, not before `from`; else what stands behind the key.
fn column(line: &str, from: u32, value: Option<&str>) -> Option<u32> {
    let skipped = usize::try_from(from.saturating_sub(1)).ok()?;
    let start = line.char_indices().nth(skipped).map_or(line.len(), |(at, _)| at);
    let first = value.and_then(|value| value.lines().next()).filter(|first| !first.is_empty());
    let found = first.and_then(|first| line[start..].find(first)).map(|at| at + start);
    let behind = || {
        let after =
            [": ", "=", "- "].iter().filter_map(|sign| Some(line[start..].find(sign)? + start + sign.len()));
        after.min().unwrap_or_else(|| line.len() - line.trim_start().len())
    };
    let at = found.unwrap_or_else(behind);
    u32::try_from(line[..at].chars().count() + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_behind_its_key() {
        assert_eq!(column("      image: web:2", 8, Some("web:2")), Some(14));
        assert_eq!(column("KEY=value", 0, Some("value")), Some(5));
        assert_eq!(column("KEY=\"value\"", 0, None), Some(5));
        assert_eq!(column("  text", 0, None), Some(3));
        assert_eq!(column("", 4, Some("x")), Some(1));
    }
}
