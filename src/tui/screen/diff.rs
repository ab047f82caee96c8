//! A comparison as blocks of lines, one a field: old above new, what set each side at the right end.

use super::Facts;
use crate::model::{FieldClass, FieldDiff, FieldPath, FieldStep, Manager, Place};
use crate::secret::SecretLeaf;
use crate::tui::canvas::{Line, Piece, bold, cells, piece};
use crate::tui::glyph::Glyphs;
use crate::tui::keymap::Action;
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Details, FieldChange};
use crate::yaml::{self, Node, Scalar, ScalarKind, Value, to_masked_string};

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

/// One field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// Its path, for copying.
    pub path: String,
    /// Where git says it.
    pub place: Option<Place>,
    /// What the strip says.
    pub cause: Vec<Piece>,
    pub lines: Vec<Line>,
    /// Lines before the one that carries the cursor: a heading.
    pub head: usize,
    /// Which part of a screen it belongs to.
    pub section: u8,
}

/// Where one is among blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The selected block.
    pub at: usize,
    /// The first line on screen.
    pub top: usize,
}

impl Cursor {
    /// Moves over blocks. A block higher than the screen is scrolled through first.
    pub(crate) fn act(&mut self, action: Action, blocks: &[Block], height: usize) -> bool {
        let starts = starts(blocks);
        let total = starts.last().copied().unwrap_or(0);
        let last = blocks.len().saturating_sub(1);
        let half = height.div_ceil(2).max(1);
        match action {
            Action::Down if starts.get(self.at + 1).is_some_and(|end| *end > self.top + height) => {
                self.top += 1
            }
            Action::Down => self.go((self.at + 1).min(last), &starts, height),
            Action::Up if starts.get(self.at).is_some_and(|start| *start < self.top) => self.top -= 1,
            Action::Up => self.go(self.at.saturating_sub(1), &starts, height),
            Action::Top => self.go(0, &starts, height),
            Action::Bottom => self.go(last, &starts, height),
            Action::HalfDown | Action::PageDown => {
                self.top = (self.top + half).min(total.saturating_sub(height));
                self.at = starts.iter().position(|s| *s >= self.top).unwrap_or(last).min(last);
            }
            Action::HalfUp | Action::PageUp => {
                self.top = self.top.saturating_sub(half);
                self.at = starts.iter().position(|s| *s >= self.top).unwrap_or(last).min(last);
            }
            _ => return false,
        }
        true
    }

    fn go(&mut self, to: usize, starts: &[usize], height: usize) {
        self.at = to;
        let (start, end) = (starts.get(to).copied().unwrap_or(0), starts.get(to + 1).copied().unwrap_or(0));
        if end > self.top + height {
            self.top = end - height;
        }
        if start < self.top {
            self.top = start;
        }
    }

    /// Brings the cursor back when there are fewer blocks or lines than before.
    pub(crate) fn settle(&mut self, blocks: &[Block], height: usize) {
        let total = starts(blocks).last().copied().unwrap_or(0);
        self.at = self.at.min(blocks.len().saturating_sub(1));
        self.top = self.top.min(total.saturating_sub(height));
    }

    /// The block at a line of the window.
    pub(crate) fn at_line(&self, line: usize, blocks: &[Block]) -> Option<usize> {
        starts(blocks).windows(2).position(|w| (w[0]..w[1]).contains(&(self.top + line)))
    }
}

/// Where each block starts, and where the last one ends.
fn starts(blocks: &[Block]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    for block in blocks {
        at += block.lines.len();
        starts.push(at);
    }
    starts
}

/// Draws the window of blocks.
pub(crate) fn draw_blocks(
    blocks: &[Block],
    cursor: &Cursor,
    focused: bool,
    canvas: &mut crate::tui::canvas::Canvas<'_>,
) {
    let lines = blocks
        .iter()
        .enumerate()
        .flat_map(|(at, block)| block.lines.iter().enumerate().map(move |(row, line)| (at, row, line)));
    let height = usize::from(canvas.height());
    for (y, (at, row, line)) in lines.skip(cursor.top).take(height).enumerate() {
        let y = cells(y);
        if focused && at == cursor.at && row == blocks[at].head {
            canvas.select(y);
            canvas.put(0, y, 1, &piece(Label::Accent, canvas.look.glyphs.here));
        }
        let width = canvas.width().saturating_sub(3);
        canvas.part(2, y, width, 1).line(0, line);
        canvas.unselect();
    }
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
    Block { path, place, cause, lines, ..Block::default() }
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
    let closed = |leaf: &Option<SecretLeaf>| matches!(leaf, Some(SecretLeaf::Closed));
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
    let mut lines = side_of(old, a.as_deref(), old_marks, room);
    lines.extend(side_of(new, b.as_deref(), new_marks, room));
    lines
}

fn side_of(
    side: &Side<'_>,
    texts: Option<&[String]>,
    marks: Option<std::ops::Range<usize>>,
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
        let pieces = match &marks {
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

/// The lines of a field in YAML as Go prints it: two blanks a level, dashes at their parent's level.
fn find(lines: &[&str], path: &FieldPath) -> Option<std::ops::Range<usize>> {
    let mut range = 0..lines.len();
    let mut indent = 0;
    // The line that carries a dash in front of its first key.
    let mut dash = None;
    for step in &path.0 {
        let level = |at: usize| {
            let line = lines[at];
            let blanks = line.len() - line.trim_start().len();
            if dash == Some(at) { blanks + 2 } else { blanks }
        };
        match step {
            FieldStep::Key(key) => {
                let at = range.clone().find(|at| {
                    let text = lines[*at].trim_start();
                    let text = if dash == Some(*at) { text.trim_start_matches("- ") } else { text };
                    level(*at) == indent && key_of(text) == Some(key)
                })?;
                let end = (at + 1..range.end).find(|n| {
                    level(*n) < indent || (level(*n) == indent && !lines[*n].trim_start().starts_with("- "))
                });
                range = at..end.unwrap_or(range.end);
                let deeper = range.clone().nth(1).map_or(indent + 2, level);
                indent = deeper.max(indent);
            }
            FieldStep::Item(_) | FieldStep::Index(_) => {
                let starts: Vec<usize> = (range.start..range.end)
                    .filter(|at| lines[*at].trim_start().starts_with("- ") && level(*at) == indent)
                    .collect();
                let chosen = starts.iter().enumerate().find_map(|(number, start)| {
                    let end = starts.get(number + 1).copied().unwrap_or(range.end);
                    element(step, number, &lines[*start..end]).then_some(*start..end)
                })?;
                dash = Some(chosen.start);
                range = chosen;
                indent += 2;
            }
        }
    }
    Some(range)
}

fn key_of(text: &str) -> Option<&str> {
    text.split_once(':').map(|(key, _)| key.trim_matches(['"', '\'']))
}

fn element(step: &FieldStep, number: usize, lines: &[&str]) -> bool {
    match step {
        FieldStep::Index(wanted) => *wanted == number,
        FieldStep::Item(item) => item.split(',').all(|part| {
            lines.iter().any(|line| {
                let text = line.trim_start().trim_start_matches("- ");
                let value = text.split_once(": ").map_or(text, |(_, value)| value);
                value.trim_matches(['"', '\'']) == part
            })
        }),
        FieldStep::Key(_) => false,
    }
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
    use std::sync::Arc;

    fn path(steps: &[FieldStep]) -> FieldPath {
        FieldPath(steps.to_vec())
    }

    fn key(name: &str) -> FieldStep {
        FieldStep::Key(Arc::from(name))
    }

    const YAML: &str = "\
kind: Deployment
spec:
  replicas: 3
  template:
    spec:
      containers:
      - env:
        - name: A
          value: \"1\"
        image: proxy:1
        name: proxy
      - image: cart:2
        name: cart
        ports:
        - containerPort: 80
          protocol: TCP
  x: 1";

    #[test]
    fn a_field_is_found_in_yaml() {
        let lines: Vec<&str> = YAML.lines().collect();
        let containers = [key("spec"), key("template"), key("spec"), key("containers")];
        let inside = |rest: &[FieldStep]| path(&[&containers[..], rest].concat());
        let item = |name: &str| FieldStep::Item(Arc::from(name));
        for (path, first) in [
            (path(&[key("spec"), key("replicas")]), Some("  replicas: 3")),
            (inside(&[item("cart"), key("image")]), Some("      - image: cart:2")),
            (inside(&[item("proxy"), key("image")]), Some("        image: proxy:1")),
            (inside(&[FieldStep::Index(1), key("name")]), Some("        name: cart")),
            (
                inside(&[item("cart"), key("ports"), item("80,TCP"), key("protocol")]),
                Some("          protocol: TCP"),
            ),
            (inside(&[item("none")]), None),
            (path(&[key("spec"), key("x")]), Some("  x: 1")),
        ] {
            assert_eq!(find(&lines, &path).map(|range| lines[range.start]), first, "{path}");
        }
    }

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

    #[test]
    fn a_high_block_is_scrolled_through() {
        let block = |n: usize| Block { lines: vec![Line::default(); n], ..Block::default() };
        let blocks = [block(2), block(10), block(2)];
        let mut cursor = Cursor::default();
        cursor.act(Action::Down, &blocks, 5);
        assert_eq!(cursor, Cursor { at: 1, top: 2 });
        for _ in 0..5 {
            cursor.act(Action::Down, &blocks, 5);
        }
        assert_eq!(cursor.at, 1);
        cursor.act(Action::Down, &blocks, 5);
        assert_eq!(cursor.at, 2);
        cursor.act(Action::Top, &blocks, 5);
        assert_eq!(cursor, Cursor::default());
    }
}
