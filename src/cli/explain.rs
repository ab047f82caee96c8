//! `sealane render --explain`: how an object, or one of its fields, came to be.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::{ObjectKey, Problem, Reason};
use crate::workspace::{Explained, ExplainedStep, Workspace};
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
        return context.out.json(&explained.iter().map(as_json).collect::<Vec<_>>());
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
    context
        .out
        .line(&[(Label::Plain, &format!("  {:<30}  ", step.by)), (Label::Muted, &step.place.to_string())])?;
    for change in &step.changes {
        let value = match (&change.before, &change.after) {
            (Some(before), Some(after)) if before == after => "another value".to_owned(),
            (Some(before), Some(after)) => format!("{} → {}", short(before), short(after)),
            (None, Some(after)) => format!("set to {}", short(after)),
            (Some(before), None) => format!("removed, was {}", short(before)),
            (None, None) => String::new(),
        };
        let place = change.place.as_ref().map(|place| format!("  {place}")).unwrap_or_default();
        context.out.line(&[
            (Label::Notice, &format!("    {}  ", change.path)),
            (Label::Plain, &value),
            (Label::Muted, &place),
        ])?;
    }
    Ok(())
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
            "changes": step.changes.iter().map(output::change).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
