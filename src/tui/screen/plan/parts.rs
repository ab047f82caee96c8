//! The parts of a plan as blocks: the effect on every cluster, findings, files, the message.

use crate::model::{Problem, Severity};
use crate::tui::canvas::{Line, Piece, bold, piece};
use crate::tui::screen::blocks::Block;
use crate::tui::screen::diff::change_lines;
use crate::tui::screen::{Counter, Facts, problem_lines};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Committed, ObjectEffect, Plan, PlanEffect, PlanFile};
use std::collections::HashSet;

/// The path of the message's block.
pub(super) const MESSAGE: &str = "message";

/// What of a plan is shown. It stays on screen when the plan itself was consumed by committing.
pub(super) struct Shown {
    pub environments: Vec<String>,
    pub production: Option<String>,
    pub protected: bool,
    pub branch: String,
    pub rehearsed_ms: u64,
    pub message: String,
    /// The commit while its push is under way.
    pub committed: Option<Committed>,
    files: Vec<PlanFile>,
    effects: Vec<PlanEffect>,
    findings: Vec<Problem>,
    not_rendered: Vec<Problem>,
    coverage: String,
    complete: bool,
    author: String,
    signing: String,
}

impl Shown {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut environments: Vec<String> = vec![];
        for effect in &plan.effects {
            if !environments.iter().any(|name| **name == *effect.environment) {
                environments.push(effect.environment.to_string());
            }
        }
        let production = plan.effects.iter().find(|e| e.production).map(|e| e.environment.to_string());
        Self {
            environments,
            production,
            protected: plan.protected,
            branch: plan.branch.to_string(),
            rehearsed_ms: plan.rehearsed_ms,
            message: plan.message.clone(),
            committed: None,
            files: plan.files.clone(),
            effects: plan.effects.clone(),
            findings: plan.findings.clone(),
            not_rendered: plan.not_rendered.clone(),
            coverage: plan.coverage.to_string(),
            complete: plan.coverage.complete == plan.coverage.total && plan.not_rendered.is_empty(),
            author: plan.author.clone(),
            signing: plan.signing.clone(),
        }
    }

    /// The numbers of line 2.
    pub(super) fn counters(&self) -> Vec<Counter> {
        let objects = || self.effects.iter().flat_map(|e| &e.objects);
        let of = |sign: char| objects().filter(|o| o.sign == sign).count();
        let pods: u32 = objects().filter_map(|o| o.rollout).sum();
        let cautions = objects().filter(|o| !o.caution.is_empty()).count();
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error).count();
        [
            (Label::Bad, errors, "forbids it"),
            (Label::Notice, cautions, "to think about"),
            (Label::Notice, objects().filter(|o| o.sign == '-' && !o.kept).count(), "will go"),
            (Label::Text, objects().filter(|o| o.kept).count(), "stay undeclared"),
            (Label::Text, of('~'), "change"),
            (Label::Text, of('+'), "new"),
            (Label::Motion, pods as usize, "pods restart"),
            (Label::Notice, self.not_rendered.len(), "not rendered"),
        ]
        .into_iter()
        .filter(|(_, number, _)| *number > 0)
        .map(|(label, number, word)| Counter { label, number, word: word.into(), on: false })
        .collect()
    }

    /// What happens to the clusters, what the rules say, and what could not be told.
    pub(super) fn effect_blocks(&self, open: &HashSet<String>, room: usize, facts: &Facts<'_>) -> Vec<Block> {
        let mut blocks = vec![];
        for problem in &self.findings {
            blocks.push(problem_block("finding", problem, room, facts));
        }
        for effect in &self.effects {
            for (index, object) in effect.objects.iter().enumerate() {
                let lead = if index == 0 { effect_head(effect, facts) } else { vec![] };
                blocks.push(object_block(effect, object, lead, open, room, facts));
            }
        }
        if self.effects.is_empty() {
            let line = if self.complete {
                Line::text(Label::Text, format!("No object changes; {} before and after.", self.coverage))
            } else {
                Line::text(Label::Notice, format!("No change in what was rendered: {}.", self.coverage))
            };
            let lines = vec![heading("Effect on clusters"), line, Line::default()];
            blocks.push(Block { path: "none".into(), lines, head: 1, section: 1, ..Block::default() });
        }
        for problem in &self.not_rendered {
            blocks.push(problem_block("not rendered", problem, room, facts));
        }
        if let Some(first) = blocks.iter_mut().find(|b| b.section == 1 && b.path != "none") {
            first.lines.insert(0, heading("Effect on clusters, before and after"));
            first.head += 1;
        }
        blocks
    }

    /// The files, each with its text diff when unfolded.
    pub(super) fn file_blocks(&self, open: &HashSet<String>, room: usize, facts: &Facts<'_>) -> Vec<Block> {
        let last = self.files.len().saturating_sub(1);
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                let mut lines = vec![];
                if index == 0 {
                    lines.push(heading("Files"));
                }
                let head = lines.len();
                let numbers = format!("+{} -{}", file.added, file.removed);
                let left = room.saturating_sub(words::width(&numbers) + 2);
                let path = words::cut_path(&file.path, left, facts.look.glyphs.cut);
                lines.push(Line::text(Label::Text, path).right(piece(Label::Muted, numbers)));
                for line in words::wrap(&file.note, room.saturating_sub(2)) {
                    lines.push(Line::text(Label::Muted, format!("  {line}")));
                }
                if open.contains(&*file.path) {
                    lines.extend(file.diff.iter().map(diff_line));
                }
                if index == last {
                    lines.push(Line::default());
                }
                let cause = vec![piece(
                    Label::Muted,
                    format!("{} lines added, {} removed", file.added, file.removed),
                )];
                let place = Some(crate::model::Place { file: file.path.clone(), line: 0, field: None });
                Block {
                    path: file.path.to_string(),
                    place,
                    cause,
                    lines,
                    head,
                    section: 2,
                    ..Block::default()
                }
            })
            .collect()
    }

    /// The message, who signs it, and where it goes.
    pub(super) fn message_blocks(&self, room: usize) -> Vec<Block> {
        let mut lines = vec![heading("Message")];
        for line in self.message.trim_end().lines() {
            if line.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(words::wrap(line, room).into_iter().map(|l| Line::text(Label::Text, l)));
        }
        lines.push(Line::default());
        let signing = if self.signing.is_empty() { "not signed" } else { &self.signing };
        lines.push(Line::text(Label::Muted, format!("{}, {signing}", self.author)));
        lines.push(Line::text(Label::Muted, format!("to branch {}", self.branch)));
        if self.protected {
            let text = format!("{} is protected: pushing asks for the name of the environment", self.branch);
            lines.extend(words::wrap(&text, room).into_iter().map(|l| Line::text(Label::Notice, l)));
        }
        let cause = vec![piece(Label::Muted, "enter changes the message")];
        vec![Block {
            path: MESSAGE.into(),
            place: None,
            cause,
            lines,
            head: 1,
            section: 3,
            ..Block::default()
        }]
    }
}

fn heading(text: &str) -> Line {
    Line::new(vec![bold(Label::Muted, text)])
}

fn effect_head(effect: &PlanEffect, facts: &Facts<'_>) -> Vec<Line> {
    let bar = if effect.production { facts.look.glyphs.bar } else { ' ' };
    let objects = words::count(effect.objects.len(), "object");
    let line = Line::new(vec![
        piece(Label::Bad, bar),
        bold(Label::Text, effect.environment.to_string()),
        piece(Label::Text, format!("  {}", effect.producer.name)),
    ]);
    vec![line.right(piece(Label::Muted, objects))]
}

fn object_block(
    effect: &PlanEffect,
    object: &ObjectEffect,
    lead: Vec<Line>,
    open: &HashSet<String>,
    room: usize,
    facts: &Facts<'_>,
) -> Block {
    let g = &facts.look.glyphs;
    let path = format!("{} {}", effect.environment, object.key);
    let (sign, label) = match object.sign {
        '+' => (g.only_git, Label::Good),
        '-' => (g.removed, Label::Bad),
        _ => (g.drifted, Label::Notice),
    };
    let head = lead.len();
    let mut lines = lead;
    lines.push(Line::new(vec![
        bold(label, format!("  {sign} ")),
        piece(Label::Muted, format!("{} ", object.key.kind)),
        piece(Label::Text, object.key.name.to_string()),
        piece(Label::Text, format!("  {}", object.summary)),
    ]));
    let notes = object_notes(object, facts);
    if !notes.is_empty() {
        lines.push(Line::new(notes));
    }
    if open.contains(&path) {
        for change in &object.changes {
            lines.push(Line::text(
                Label::Muted,
                format!("      {}", words::cut_path(&change.path, room.saturating_sub(6), g.cut)),
            ));
            for mut line in change_lines(change, false, room.saturating_sub(6), g) {
                line.pieces.insert(0, piece(Label::Text, "    "));
                lines.push(line);
            }
        }
    }
    let last = effect.objects.last().is_some_and(|o| o.key == object.key);
    if last {
        lines.push(Line::default());
    }
    let cause = object.changes.iter().take(3).flat_map(|change| {
        [
            piece(Label::Text, crate::tui::screen::diff::short_change(change, g.arrow)),
            piece(Label::Muted, "   "),
        ]
    });
    let place = object.changes.iter().find_map(|c| c.place.clone());
    Block { path, place, cause: cause.collect(), lines, head, section: 1, ..Block::default() }
}

/// What to expect of it: pods that restart, and what a person should look at twice.
fn object_notes(object: &ObjectEffect, facts: &Facts<'_>) -> Vec<Piece> {
    let g = &facts.look.glyphs;
    let mut notes: Vec<Piece> = vec![];
    if let Some(pods) = object.rollout.filter(|n| *n > 0) {
        let text = format!("    {} {} restart  ", g.motion, words::count(pods as usize, "pod"));
        notes.push(piece(Label::Motion, text));
    }
    if !object.caution.is_empty() {
        let indent = if notes.is_empty() { "    " } else { "" };
        notes.push(piece(Label::Notice, format!("{indent}{} {}", g.plaintext, object.caution)));
    }
    notes
}

fn problem_block(title: &str, problem: &Problem, room: usize, facts: &Facts<'_>) -> Block {
    let g = &facts.look.glyphs;
    let sign = if title == "finding" { g.plaintext } else { g.unknown };
    let mut lines = problem_lines(problem, room, sign);
    lines.push(Line::default());
    let cause = vec![piece(Label::Text, problem.cause.clone())];
    let path = format!("{title} {problem}");
    Block { path, place: problem.place.clone(), cause, lines, ..Block::default() }
}

fn diff_line(line: &crate::workspace::DiffLine) -> Line {
    let label = match line.sign {
        '+' => Label::Good,
        '-' => Label::Bad,
        '@' => Label::Accent,
        _ => Label::Muted,
    };
    let text = if line.sign == '@' { Label::Muted } else { label };
    let text = if matches!(line.sign, '+' | '-') { Label::Text } else { text };
    Line::new(vec![bold(label, format!("  {} ", line.sign)), piece(text, line.text.clone())])
}
