//! What the tabs beside the diff say: what an object is, its YAML on both sides, its events.

use crate::tui::canvas::{Line, Piece, bold, piece};
use crate::tui::screen::Facts;
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::Details;

/// Name and value pairs, aligned; an empty value starts a section.
pub(super) fn describe(details: &Details, facts: &Facts<'_>) -> Vec<Line> {
    let names = details.describe.iter().map(|(name, _)| words::width(name)).max().unwrap_or(0).min(44);
    let room = facts.width().saturating_sub(names + 6);
    let mut lines = vec![];
    for (name, value) in &details.describe {
        if value.is_empty() {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::new(vec![bold(Label::Text, name.clone())]));
            continue;
        }
        for (row, text) in words::wrap(value, room).into_iter().enumerate() {
            let name = if row == 0 { words::cut(name, names, facts.look.glyphs.cut) } else { String::new() };
            let pad = " ".repeat(names.saturating_sub(words::width(&name)) + 2);
            lines
                .push(Line::new(vec![piece(Label::Muted, format!("{name}{pad}")), piece(Label::Text, text)]));
        }
    }
    lines
}

pub(super) fn yaml(details: &Details, side: bool, facts: &Facts<'_>) -> Vec<Line> {
    let texts = [("git", &details.desired), ("cluster", &details.live)];
    if !side {
        let mut lines = vec![];
        for (name, text) in texts {
            let Some(text) = text else { continue };
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::new(vec![bold(Label::Text, name)]));
            lines.extend(text.lines().map(|line| Line::new(yaml_line(line))));
        }
        return lines;
    }
    let half = facts.width().saturating_sub(8) / 2;
    let column = |text: &Option<String>| -> Vec<String> {
        let text = text.as_deref().unwrap_or("not there");
        text.lines().flat_map(|line| words::wrap(line, half)).collect()
    };
    let (left, right) = (column(&details.desired), column(&details.live));
    let post = format!(" {}  ", facts.look.glyphs.vertical);
    let mut lines = vec![Line::new(vec![
        bold(Label::Text, format!("{:half$}", "git")),
        piece(Label::Line, post.clone()),
        bold(Label::Text, "cluster"),
    ])];
    for row in 0..left.len().max(right.len()) {
        let text = left.get(row).map_or("", String::as_str);
        let mut pieces = yaml_line(text);
        pieces.push(piece(Label::Text, " ".repeat(half.saturating_sub(words::width(text)))));
        pieces.push(piece(Label::Line, post.clone()));
        pieces.extend(yaml_line(right.get(row).map_or("", String::as_str)));
        lines.push(Line::new(pieces));
    }
    lines
}

/// Keys quiet, values plain.
fn yaml_line(line: &str) -> Vec<Piece> {
    match line.find(": ").or_else(|| line.strip_suffix(':').map(str::len)) {
        Some(at) => vec![piece(Label::Muted, &line[..=at]), piece(Label::Text, &line[at + 1..])],
        None => vec![piece(Label::Text, line)],
    }
}

pub(super) fn events(details: &Details, facts: &Facts<'_>) -> Vec<Line> {
    let g = &facts.look.glyphs;
    let reasons = details.events.iter().map(|e| words::width(&e.reason)).max().unwrap_or(0).min(24);
    let room = facts.width().saturating_sub(reasons + 16);
    let mut lines = vec![];
    for event in &details.events {
        let (sign, label) = if event.warning { (g.plaintext, Label::Notice) } else { (' ', Label::Muted) };
        let count = if event.count > 1 { format!("  x{}", event.count) } else { String::new() };
        let message = format!("{}{count}", event.message);
        for (row, text) in words::wrap(&message, room).into_iter().enumerate() {
            let (ago, reason) = if row == 0 {
                (words::ago(facts.seconds(), event.at), words::cut(&event.reason, reasons, g.cut))
            } else {
                (String::new(), String::new())
            };
            let sign = if row == 0 { sign } else { ' ' };
            let pad = " ".repeat(reasons.saturating_sub(words::width(&reason)) + 2);
            lines.push(Line::new(vec![
                piece(Label::Muted, format!("{ago:>4}  ")),
                piece(label, format!("{sign} {reason}{pad}")),
                piece(Label::Text, text),
            ]));
        }
    }
    lines
}
