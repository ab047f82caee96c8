//! `sealane render --explain`: how an object, or one of its fields, came to be.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::{ObjectKey, Problem, Reason};
use crate::workspace::{Explained, ExplainedStep, Workspace};
use crate::yaml::Mark;
use serde_json::json;
use std::io;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    at: Option<&str>,
    text: &str,
) -> io::Result<Exit> {
    // Names may hold a colon (`ClusterRole/system:node`), so the whole text is tried first.
    let readings = std::iter::once((text, None)).chain(text.rsplit_once(':').map(|(o, f)| (o, Some(f))));
    for (object, field) in readings {
        let Ok(key) = ObjectKey::parse(object) else { continue };
        let asked = workspace.explain(at.map(str::to_owned), key, field.map(str::to_owned)).await;
        let mut explained = match asked {
            Ok(explained) => explained,
            Err(problem) => return context.problem(&problem),
        };
        explained.retain(|e| context.means(&e.environment));
        if explained.is_empty() {
            continue;
        }
        if let (Some(field), true) = (field, explained.iter().all(|e| e.steps.is_empty())) {
            let problem = Problem::error(Reason::Config, format!("{object} has no field {field}"))
                .next("`sealane render --explain` without a field names them as they are written");
            return context.problem(&problem);
        }
        print(context, &explained)?;
        return Ok(Exit::Clean);
    }
    let problem = Problem::error(Reason::Config, format!("no environment has {text}"))
        .next("`sealane render` lists what git declares");
    context.problem(&problem)
}

fn print(context: &mut Context<'_, '_>, explained: &[Explained]) -> io::Result<()> {
    if context.out.is_json() {
        return context.out.json(|| explained.iter().map(as_json).collect::<Vec<_>>());
    }
    for one in explained {
        let by: Vec<String> = one.producers.iter().map(ToString::to_string).collect();
        context.out.line(&[
            (Label::Strong, &one.object.to_string()),
            (Label::Muted, &format!(" in {}, made by {}", one.environment, by.join(", which is made by "))),
        ])?;
        for step in &one.steps {
            print_step(context, step)?;
        }
    }
    Ok(())
}

fn print_step(context: &mut Context<'_, '_>, step: &ExplainedStep) -> io::Result<()> {
    context.out.line(&[(Label::Plain, &format!("  {:<30}  ", step.by)), (Label::Muted, &asked(step))])?;
    for change in &step.changes {
        let value = match (&change.before, &change.after) {
            (Some(before), Some(after)) if before == after && step.written.is_none() => {
                "another value".to_owned()
            }
            (Some(before), Some(after)) if before == after => format!("{} again", short(after)),
            (Some(before), Some(after)) => format!("{} → {}", short(before), short(after)),
            (None, Some(after)) => format!("set to {}", short(after)),
            (Some(before), None) => format!("removed, was {}", short(before)),
            (None, None) => String::new(),
        };
        let place = match (&step.written, &change.place) {
            (Some(mark), _) => format!("  {}", written(mark)),
            (None, Some(place)) => format!("  {place}"),
            (None, None) => String::new(),
        };
        context.out.line(&[
            (Label::Notice, &format!("    {}  ", change.path)),
            (Label::Plain, &value),
            (Label::Muted, &place),
        ])?;
    }
    for source in &step.sources {
        let place = source.written.as_ref().map(|mark| format!("  {}", written(mark))).unwrap_or_default();
        context.out.line(&[(Label::Plain, &format!("      {}", source.said)), (Label::Muted, &place)])?;
    }
    Ok(())
}

/// Where a step is asked for, with the file that is named there.
fn asked(step: &ExplainedStep) -> String {
    let through = step.through.as_ref().map(|file| format!(", {file}")).unwrap_or_default();
    format!("{}{through}", step.place)
}

/// File, line and column.
fn written(mark: &Mark) -> String {
    let file = mark.file.as_deref().unwrap_or("");
    if mark.column > 0 {
        format!("{file}:{}:{}", mark.line, mark.column)
    } else {
        format!("{file}:{}", mark.line)
    }
}

fn mark_json(mark: &Mark) -> serde_json::Value {
    json!({"file": mark.file.as_deref(), "line": mark.line, "column": (mark.column > 0).then_some(mark.column)})
}

/// A value in one line.
fn short(value: &str) -> String {
    match value.split_once('\n') {
        Some((first, rest)) => format!("{first} … ({} more)", output::counted(rest.lines().count(), "line")),
        None => value.to_owned(),
    }
}

fn as_json(explained: &Explained) -> serde_json::Value {
    json!({
        "environment": &*explained.environment,
        "object": explained.object.to_string(),
        "producers": explained.producers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "steps": explained.steps.iter().map(|step| json!({
            "by": &*step.by,
            "place": step.place.to_string(),
            "asked": {"file": &*step.place.file, "line": step.place.line, "entry": step.place.field.as_deref()},
            "through": step.through.as_deref(),
            "written": step.written.as_ref().map(mark_json),
            "sources": step.sources.iter().map(|source| json!({
                "link": source.link,
                "source": source.said,
                "written": source.written.as_ref().map(mark_json),
                "sealed": source.sealed.as_deref(),
            })).collect::<Vec<_>>(),
            "changes": step.changes.iter().map(output::change).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
