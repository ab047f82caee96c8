//! `sealane render`: what git says, rendered.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::{ObjectKey, Problem, Reason};
use crate::workspace::RenderedEnvironment;
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    at: Option<&str>,
    object: Option<&str>,
    explain: Option<&str>,
) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    if let Some(text) = explain {
        return super::explain::run(context, &workspace, at, text).await;
    }
    let mut rendered = match workspace.rendered(at.map(str::to_owned)).await {
        Ok(rendered) => rendered,
        Err(problem) => return context.problem(&problem),
    };
    if let Err(problem) = context.exists(rendered.iter().map(|e| &*e.name)) {
        return context.problem(&problem);
    }
    rendered.retain(|e| context.means(&e.name));
    if let Some(text) = object {
        match only(&mut rendered, text) {
            Ok(()) => {}
            Err(problem) => return context.problem(&problem),
        }
    }
    print(context, &rendered)?;
    Ok(rendered.iter().flat_map(|e| &e.problems).map(Exit::of).max().unwrap_or_default())
}

/// Leaves the objects that a person can mean.
fn only(rendered: &mut [RenderedEnvironment], text: &str) -> Result<(), Problem> {
    let key = ObjectKey::parse(text).map_err(|e| Problem::error(Reason::Config, e.to_string()))?;
    for environment in rendered.iter_mut() {
        environment.objects.retain(|o| key.means(&o.key));
    }
    if rendered.iter().all(|e| e.objects.is_empty()) {
        return Err(super::history::nowhere(text, rendered.iter().map(|e| &e.coverage)));
    }
    Ok(())
}

fn print(context: &mut Context<'_, '_>, rendered: &[RenderedEnvironment]) -> io::Result<()> {
    if context.out.is_json() {
        let environment = |e: &RenderedEnvironment| {
            json!({
                "environment": &*e.name,
                "why": e.why,
                "rendered": {"complete": e.coverage.complete, "total": e.coverage.total},
                "objects": e.objects.iter().map(|o| json!({
                    "object": o.key.to_string(),
                    "app": o.producer.to_string(),
                    "file": &*o.origin.file,
                    "line": o.origin.line,
                    "yaml": o.yaml,
                })).collect::<Vec<_>>(),
                "problems": e.problems.iter().map(output::problem).collect::<Vec<_>>(),
            })
        };
        return context.out.json(|| rendered.iter().map(environment).collect::<Vec<_>>());
    }
    for environment in rendered {
        let title = format!(
            "# {}: {} ({} objects; {})",
            environment.name,
            environment.why,
            environment.objects.len(),
            environment.coverage
        );
        context.out.line(&[(Label::Muted, &title)])?;
        for object in &environment.objects {
            let place = format!("# {}:{}, {}", object.origin.file, object.origin.line, object.producer);
            context.out.line(&[(Label::Muted, "---")])?;
            context.out.line(&[(Label::Muted, &place)])?;
            context.out.raw(&object.yaml)?;
        }
        for problem in &environment.problems {
            context.out.line(&[(Label::Notice, &format!("# {problem}"))])?;
        }
    }
    Ok(())
}
