//! A comparison as blocks of lines, one a field: old above new, what set each side at the right end.

use super::Facts;
use super::blocks::Block;
use crate::model::{FieldClass, FieldDiff, Manager, Place};
use crate::secret::SecretLeaf;
use crate::tui::canvas::{Line, Piece, bold, piece};
use crate::tui::glyph::Glyphs;
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Details, FieldChange};
use crate::yaml::{self, Node, Scalar, ScalarKind, Value, to_masked_string};
use find::find;

mod find;

/// How a comparison is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Left and right instead of above and below.
    pub side: bool,
    /// Also what is no difference for a person: delegated, rewritten on write, added by others.
    pub noise: bool,
    /// Lines of git's YAML around each field.
    pub context: usize,
}

/// The fields of a comparison between git and the cluster.
pub(crate) fn object_blocks(details: &Details, style: Style, facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks: Vec<Block> =
        details.diff.fields.iter().map(|field| field_block(field, details, style, facts)).collect();
    if style.noise {
        blocks.extend(details.diff.folded.iter().map(|field| field_block(field, details, style, facts)));
    }
    blocks
}

pub(crate) fn class_label(class: FieldClass) -> Label {
    match class {
        FieldClass::Conflict | FieldClass::InvalidInGit => Label::Bad,
        FieldClass::Drifted | FieldClass::Changed | FieldClass::Pending(_) => Label::Notice,
        _ => Label::Muted,
    }
}

fn field_block(field: &FieldDiff, details: &Details, style: Style, facts: &Facts<'_>) -> Block {
    let g = &facts.look.glyphs;
    let room = facts.width().saturating_sub(4);
    let path = field.path.to_string();
    let place = field.desired.as_ref().and_then(place_of);
    let label = class_label(field.class);
    let name = words::cut_path(&path, room.saturating_sub(22), g.cut);
    let mut lines = vec![Line::new(vec![bold(Label::Text, name)]).right(piece(label, field.class.word()))];
    let old = Side { node: field.live.as_ref(), set: live_words(field.by.as_ref()), sign: '-' };
    let new = Side { node: field.desired.as_ref(), set: git_words(details, place.as_ref()), sign: '+' };
    let (before, after, prefix) = context(field, details, style);
    lines.extend(before);
    if let Some(secret) = secret_line(&old, &new, g) {
        lines.push(secret);
    } else if style.side {
        lines.extend(side_lines(&old, &new, room, g));
    } else {
        lines.extend(unified_lines(&old, &new, &prefix, room));
    }
    lines.extend(after);
    if !field.note.is_empty() {
        lines.push(Line::text(Label::Muted, format!("  {}", field.note)));
    }
    lines.push(Line::default());
    let cause = cause(field, label);
    let next = match field.class {
        FieldClass::Drifted | FieldClass::Conflict => {
            "the controller puts git's value back when it applies next; `e` opens the source"
        }
        FieldClass::InvalidInGit => "`e` opens the source",
        _ => "",
    };
    Block { path, place, cause, next, lines, ..Block::default() }
}

fn cause(field: &FieldDiff, label: Label) -> Vec<Piece> {
    let mut pieces = vec![bold(label, field.class.word())];
    let said = match field.class {
        FieldClass::Drifted => "  the cluster was changed; git still says otherwise",
        FieldClass::Conflict => "  git is ahead and the cluster was changed, both here",
        FieldClass::Pending(_) => "  git is ahead; the controller has not applied it yet",
        FieldClass::Changed => "  they differ; no applied revision says which side moved",
        FieldClass::InvalidInGit => "  the server does not know this field and drops it",
        FieldClass::Delegated => "  another controller rules this field by right",
        FieldClass::MutatedOnWrite => "  the server rewrote the value when it was written",
        FieldClass::AddedByOthers => "  somebody else set it; git does not mention it",
        FieldClass::Ignored => "  a rule says to ignore it",
        _ => "",
    };
    pieces.push(piece(Label::Text, said));
    pieces
}

/// One side of a field.
struct Side<'a> {
    node: Option<&'a Node>,
    set: String,
    sign: char,
}

fn live_words(by: Option<&Manager>) -> String {
    match by {
        Some(by) if by.time.is_empty() => format!("live, {}", by.name),
        Some(by) => format!("live, {}, {}", by.name, words::server_time(&by.time)),
        None => "live".to_owned(),
    }
}

fn git_words(details: &Details, place: Option<&Place>) -> String {
    let mut text = "git".to_owned();
    if let Some(commit) = &details.revision {
        text = format!("git, {} {}", commit.id.short(), commit.author);
    }
    if let Some(place) = place {
        text = format!("{text}, {place}");
    }
    text
}

fn place_of(node: &Node) -> Option<Place> {
    let file = node.mark.file.clone()?;
    (node.mark.line > 0).then_some(Place { file, line: node.mark.line, field: None })
}

/// Secrets say whether they are equal, never what they are.
fn secret_line(old: &Side<'_>, new: &Side<'_>, g: &Glyphs) -> Option<Line> {
    let leaf = |side: &Side<'_>| match side.node.map(|n| &n.value) {
        Some(Value::Secret(leaf)) => Some(leaf.clone()),
        _ => None,
    };
    let (a, b) = (leaf(old), leaf(new));
    if a.is_none() && b.is_none() {
        return None;
    }
    let closed = |leaf: &Option<SecretLeaf>| matches!(leaf, Some(SecretLeaf::Closed(_)));
    let (sign, label, word) = match (&a, &b) {
        _ if closed(&a) || closed(&b) => (g.unknown, Label::Notice, "sealed; no key here opens it"),
        (Some(a), Some(b)) if a == b => (g.same, Label::Muted, "same"),
        (Some(_), Some(_)) => (g.differs, Label::Notice, "differs"),
        _ if new.node.is_none() => (g.only_live, Label::Notice, "only in the cluster"),
        _ if old.node.is_none() => (g.only_git, Label::Notice, "only in git"),
        _ => (g.differs, Label::Notice, "differs"),
    };
    let line = Line::new(vec![bold(label, format!("  {sign} ")), piece(label, word)]);
    Some(line.right(piece(Label::Muted, format!("{}; {}", old.set, new.set))))
}

fn unified_lines(old: &Side<'_>, new: &Side<'_>, prefix: &str, room: usize) -> Vec<Line> {
    let lines = |node: &Node| {
        let mut lines = value_lines(node);
        if let [only] = lines.as_mut_slice() {
            only.insert_str(0, prefix);
        }
        lines
    };
    let (a, b) = (old.node.map(lines), new.node.map(lines));
    let (old_marks, new_marks) = match (&a, &b) {
        (Some(a), Some(b)) if a.len() == 1 && b.len() == 1 => changed_middle(&a[0], &b[0]),
        _ => (None, None),
    };
    let mut lines = side_of(old, a.as_deref(), old_marks.as_ref(), room);
    lines.extend(side_of(new, b.as_deref(), new_marks.as_ref(), room));
    lines
}

fn side_of(
    side: &Side<'_>,
    texts: Option<&[String]>,
    marks: Option<&std::ops::Range<usize>>,
    room: usize,
) -> Vec<Line> {
    let label = if side.sign == '-' { Label::Bad } else { Label::Good };
    let gutter = |sign: char| bold(label, format!("  {sign} "));
    let Some(texts) = texts else {
        let line = Line::new(vec![gutter(side.sign), piece(Label::Muted, "not there")]);
        return vec![line.right(piece(Label::Muted, side.set.clone()))];
    };
    let mut lines = vec![];
    for (index, text) in texts.iter().enumerate() {
        let pieces = match marks {
            Some(range) => underlined(text, range.clone()),
            None => vec![piece(Label::Text, text.clone())],
        };
        let mut line = Line::new(std::iter::once(gutter(side.sign)).chain(pieces).collect());
        if index == 0 {
            line = line.right(piece(Label::Muted, side.set.clone()));
        }
        lines.push(line);
    }
    // Where value and origin do not fit into one line, the origin gets its own.
    let tight = lines.first().is_some_and(|l| l.width() + words::width(&side.set) + 2 > room);
    if tight {
        let first = lines.remove(0);
        let mut wrapped = vec![];
        for part in crate::tui::draw::wrap_pieces(&first.pieces[1..], room.saturating_sub(4)) {
            let lead = if wrapped.is_empty() { gutter(side.sign) } else { piece(label, "    ") };
            wrapped.push(Line::new(std::iter::once(lead).chain(part.pieces).collect()));
        }
        wrapped.push(Line::text(Label::Muted, format!("    {}", side.set)));
        wrapped.append(&mut lines);
        lines = wrapped;
    }
    lines
}

fn side_lines(old: &Side<'_>, new: &Side<'_>, room: usize, g: &Glyphs) -> Vec<Line> {
    let half = room.saturating_sub(3) / 2;
    let texts = |side: &Side<'_>| {
        let values = side.node.map_or_else(|| vec!["not there".to_owned()], value_lines);
        let mut wrapped: Vec<(Label, String)> = values
            .iter()
            .flat_map(|v| words::wrap(v, half.saturating_sub(2)))
            .map(|text| (if side.node.is_some() { Label::Text } else { Label::Muted }, text))
            .collect();
        for text in words::wrap(&side.set, half.saturating_sub(2)) {
            wrapped.push((Label::Muted, text));
        }
        wrapped
    };
    let (left, right) = (texts(old), texts(new));
    (0..left.len().max(right.len()))
        .map(|row| {
            let (label, text) = left.get(row).cloned().unwrap_or((Label::Text, String::new()));
            let pad = " ".repeat(half.saturating_sub(words::width(&text) + 2));
            let (other, far) = right.get(row).cloned().unwrap_or((Label::Text, String::new()));
            Line::new(vec![
                piece(label, format!("  {text}{pad}")),
                piece(Label::Line, format!("{}  ", g.vertical)),
                piece(other, far),
            ])
        })
        .collect()
}

/// What a value looks like: scalars in one line, the rest as YAML. Secrets are masked.
pub(crate) fn value_lines(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Null => vec!["null".to_owned()],
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Str && looks_other(&scalar.text) => {
            vec![format!("\"{}\"", scalar.text)]
        }
        Value::Scalar(scalar) => scalar.text.lines().map(crate::model::clean).collect(),
        Value::Secret(_) => vec!["secret".to_owned()],
        Value::Map(map) if map.is_empty() => vec!["{}".to_owned()],
        Value::Seq(items) if items.is_empty() => vec!["[]".to_owned()],
        Value::Map(_) | Value::Seq(_) => to_masked_string(node).lines().map(crate::model::clean).collect(),
    }
}

/// True for strings that would read as something else without quotes.
fn looks_other(text: &str) -> bool {
    text.is_empty()
        || text.parse::<f64>().is_ok()
        || matches!(
            text.to_lowercase().as_str(),
            "true" | "false" | "null" | "on" | "off" | "yes" | "no" | "~"
        )
}

/// The part between the common front and the common end, in bytes of each text.
fn changed_middle(a: &str, b: &str) -> (Option<std::ops::Range<usize>>, Option<std::ops::Range<usize>>) {
    let front: usize = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum();
    let back: usize = a[front..]
        .chars()
        .rev()
        .zip(b[front..].chars().rev())
        .take_while(|(x, y)| x == y)
        .map(|(x, _)| x.len_utf8())
        .sum();
    // Where nothing is shared, underlining everything says nothing.
    if front + back == 0 {
        return (None, None);
    }
    (Some(front..a.len() - back), Some(front..b.len() - back))
}

fn underlined(text: &str, range: std::ops::Range<usize>) -> Vec<Piece> {
    let plain = |text: &str| piece(Label::Text, text);
    let changed = Piece { underlined: true, bold: true, ..plain(&text[range.clone()]) };
    vec![plain(&text[..range.start]), changed, plain(&text[range.end..])]
}

/// Lines of git's YAML before and after the field, and what stands before its value in its own line.
fn context(field: &FieldDiff, details: &Details, style: Style) -> (Vec<Line>, Vec<Line>, String) {
    let none = (vec![], vec![], String::new());
    if style.context == 0 {
        return none;
    }
    let Some(yaml) = &details.desired else { return none };
    let all: Vec<&str> = yaml.lines().collect();
    let Some(range) = find(&all, &field.path) else { return none };
    let muted = |line: &&str| Line::text(Label::Muted, format!("    {line}"));
    let from = range.start.saturating_sub(style.context);
    let to = (range.end + style.context).min(all.len());
    let own = all[range.start];
    let prefix = own.find(": ").map_or("", |at| &own[..at + 2]).replace("- ", "  ");
    let (before, after) = (&all[from..range.start], &all[range.end..to]);
    (before.iter().map(muted).collect(), after.iter().map(muted).collect(), prefix)
}

/// The fields that a commit changes, or that differ between two revisions.
pub(crate) fn change_blocks(changes: &[FieldChange], side: bool, facts: &Facts<'_>) -> Vec<Block> {
    let room = facts.width().saturating_sub(4);
    changes
        .iter()
        .map(|change| {
            let name = words::cut_path(&change.path, room, facts.look.glyphs.cut);
            let mut lines = vec![Line::new(vec![bold(Label::Text, name)])];
            lines.extend(change_lines(change, side, room, &facts.look.glyphs));
            lines.push(Line::default());
            let cause = vec![piece(Label::Text, short_change(change, facts.look.glyphs.arrow))];
            let (path, place) = (change.path.clone(), change.place.clone());
            Block { path, place, cause, lines, ..Block::default() }
        })
        .collect()
}

/// The two sides of a change that is text already.
pub(crate) fn change_lines(change: &FieldChange, side: bool, room: usize, g: &Glyphs) -> Vec<Line> {
    if is_sealed(change) {
        return vec![Line::new(vec![
            bold(Label::Notice, format!("  {} ", g.differs)),
            piece(Label::Notice, "a new sealed value"),
        ])];
    }
    // The texts are written as they should read; only strings would be quoted.
    let plain = |text: &String| Scalar {
        text: text.as_str().into(),
        kind: ScalarKind::Float,
        style: yaml::Style::Plain,
    };
    let node = |text: &Option<String>| text.as_ref().map(|t| Node::new(Value::Scalar(plain(t))));
    let (before, after) = (node(&change.before), node(&change.after));
    let place = change.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let old = Side { node: before.as_ref(), set: String::new(), sign: '-' };
    let new = Side { node: after.as_ref(), set: place, sign: '+' };
    if side { side_lines(&old, &new, room, g) } else { unified_lines(&old, &new, "", room) }
}

/// True if a secret value changes: both sides say so and nothing else.
fn is_sealed(change: &FieldChange) -> bool {
    change.before.as_deref() == Some("sealed") && change.after.as_deref() == Some("sealed")
}

/// `path  before → after`, in one line.
pub(crate) fn short_change(change: &FieldChange, arrow: char) -> String {
    if is_sealed(change) {
        return format!("{}  a new sealed value", change.path);
    }
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}  {before} {arrow} {after}", change.path),
        (None, Some(after)) => format!("{}  new: {after}", change.path),
        (Some(before), None) => format!("{}  gone: {before}", change.path),
        (None, None) => change.path.clone(),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_underlined() {
        let (a, b) = changed_middle("cart:1.8.1", "cart:1.8.2");
        assert_eq!((a, b), (Some(9..10), Some(9..10)));
        assert_eq!(changed_middle("5", "3"), (None, None));
        let (a, b) = changed_middle("aa", "aaa");
        assert_eq!((a, b), (Some(2..2), Some(2..3)));
    }

    #[test]
    fn strings_that_look_like_something_else_are_quoted() {
        assert_eq!(value_lines(&Node::string("on")), ["\"on\""]);
        assert_eq!(value_lines(&Node::int(3)), ["3"]);
        assert_eq!(value_lines(&Node::string("on air")), ["on air"]);
    }
}
