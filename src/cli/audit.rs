//! `sealane audit` and `sealane audit rules`: what is sealed, for whom, and what is not and should be.

use super::check;
use super::context::{Context, folder_of, path_inside};
use super::exit::Exit;
use super::output::{self, Label, counted};
use super::sealed_secrets;
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::workspace::{AuditedFile, Recipient, RuleFor, RuleVerdict, RulesFor};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// Every sealed file of a repository.
pub(super) async fn run(context: &mut Context<'_, '_>, path: &Path, at: Option<&str>) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let audit = match workspace.audit(at.map(str::to_owned)).await {
        Ok(audit) => audit,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = Exit::Clean;
    for file in &audit.files {
        print_file(context, file)?;
        exit = exit.and(file.closed.as_ref().map_or(Exit::Clean, Exit::of));
    }
    for sealed in &audit.sealed_secrets {
        sealed_secrets::print(context, sealed)?;
    }
    for certificate in &audit.certificates {
        sealed_secrets::print_certificate(context, certificate)?;
    }
    exit = exit.and(check::found(context, &audit.findings)?);
    exit = exit.and(told(context, &audit.problems)?);
    told(context, &audit.left_out)?;
    let open = audit.files.iter().filter(|file| file.closed.is_none()).count();
    let files = counted(audit.files.len(), "sealed file");
    let sealed = match audit.sealed_secrets.len() {
        0 => String::new(),
        number => format!(", {}", counted(number, "SealedSecret")),
    };
    let findings = counted(audit.findings.len(), "finding");
    let sum = format!("{files}, {open} opened and verified{sealed}; {findings}");
    context.out.line(&[(Label::Muted, &sum)])?;
    context.out.json(|| json!({
        "files": audit.files.iter().map(file_json).collect::<Vec<_>>(),
        "sealedSecrets": audit.sealed_secrets.iter().map(sealed_secrets::json).collect::<Vec<_>>(),
        "certificates": audit.certificates.iter().map(sealed_secrets::certificate_json).collect::<Vec<_>>(),
        "findings": audit.findings.iter().map(output::exposed).collect::<Vec<_>>(),
        "problems": audit.problems.iter().map(output::problem).collect::<Vec<_>>(),
        "leftOut": audit.left_out.iter().map(output::problem).collect::<Vec<_>>(),
    }))?;
    Ok(exit)
}

/// Which rule of `.sops.yaml` is for each file.
pub(super) async fn rules(context: &mut Context<'_, '_>, files: &[PathBuf]) -> io::Result<Exit> {
    let Some(first) = files.first() else { return Ok(Exit::Usage) };
    let workspace = match context.open_offline(folder_of(first))? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut inside = Vec::new();
    for file in files {
        match path_inside(&workspace, file) {
            Ok(path) => inside.push(path),
            Err(problem) => return context.problem(&problem),
        }
    }
    let answers = match workspace.rules_for(inside).await {
        Ok(answers) => answers,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = Exit::Clean;
    for answer in &answers {
        exit = exit.and(print_rules(context, answer)?);
    }
    if let Some(problems) = answers.first().map(|answer| &answer.problems) {
        exit = exit.and(told(context, problems)?);
    }
    context.out.json(|| answers.iter().map(rules_json).collect::<Vec<_>>())?;
    Ok(exit)
}

/// Prints problems; findings are findings, whatever they are about.
pub(super) fn told(context: &mut Context<'_, '_>, problems: &[Problem]) -> io::Result<Exit> {
    for problem in problems {
        let place = problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
        context.out.line(&[(Label::Bad, "! "), (Label::Strong, &place), (Label::Plain, &problem.cause)])?;
        if !problem.next.is_empty() {
            context.out.line(&[(Label::Muted, "  next: "), (Label::Plain, &problem.next)])?;
        }
    }
    Ok(if problems.is_empty() { Exit::Clean } else { Exit::Differences })
}

fn print_file(context: &mut Context<'_, '_>, file: &AuditedFile) -> io::Result<()> {
    let (label, sign) = match &file.closed {
        None => (Label::Good, "✓ "),
        Some(problem) if problem.reason == Reason::NeedsKey => (Label::Notice, "? "),
        Some(_) => (Label::Bad, "✗ "),
    };
    let about = format!("  {}, {}", format_word(file.format), counted(file.keys.len(), "key"));
    context.out.line(&[(label, sign), (Label::Strong, &file.path), (Label::Muted, &about)])?;
    let keys: Vec<&str> = file.keys.iter().map(|key| &**key).collect();
    let mut readers: Vec<String> = file.recipients.iter().map(recipient_word).collect();
    readers.extend(file.foreign.iter().map(|kind| format!("{kind} (not age)")));
    let day = file.sealed_at.map(output::day).unwrap_or_default();
    let by = file.changed_by.as_deref().map(|who| format!(", by {who}")).unwrap_or_default();
    let rule = file.rule.as_deref().unwrap_or("no rule is for it");
    let lines = [
        ("keys", keys.join(", ")),
        ("opens for", readers.join(", ")),
        ("rule", rule.to_owned()),
        ("sealed", format!("{day}{by}")),
    ];
    for (what, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        context.out.line(&[(Label::Muted, &format!("    {what:<10}")), (Label::Plain, text)])?;
    }
    if let Some(problem) = &file.closed {
        context.out.line(&[(Label::Muted, "    closed    "), (label, &problem.cause)])?;
        context.out.line(&[(Label::Muted, "    next      "), (Label::Plain, &problem.next)])?;
    }
    Ok(())
}

fn print_rules(context: &mut Context<'_, '_>, answer: &RulesFor) -> io::Result<Exit> {
    context.out.line(&[(Label::Strong, &clean(&answer.path))])?;
    for rule in &answer.rules {
        let (label, sign, what) = match rule.verdict {
            RuleVerdict::Applies => (Label::Good, "✓", "applies"),
            RuleVerdict::DoesNotMatch => (Label::Muted, "·", "does not match"),
            RuleVerdict::TooLate => (Label::Muted, "·", "would match; an earlier rule does"),
        };
        let place = format!("{}:{}", answer.file, rule.line);
        context.out.line(&[(label, &format!("  {sign} {place}  {} {what}", rule.rule))])?;
        if rule.verdict == RuleVerdict::Applies {
            let readers: Vec<String> = rule.recipients.iter().map(recipient_word).collect();
            for (what, text) in [("opens for", readers.join(", ")), ("seals", clean(&rule.seals))] {
                context.out.line(&[(Label::Muted, &format!("      {what:<10}")), (Label::Plain, &text)])?;
            }
        }
    }
    let applies = answer.rules.iter().any(|rule| rule.verdict == RuleVerdict::Applies);
    if !applies {
        let next = "add a rule to .sops.yaml whose path_regex matches it";
        context.out.line(&[(Label::Bad, "  ✗ no rule is for it")])?;
        context.out.line(&[(Label::Muted, "    next: "), (Label::Plain, next)])?;
    }
    Ok(if applies { Exit::Clean } else { Exit::Differences })
}

/// The name with enough of the key to know it by, or the key.
fn recipient_word(recipient: &Recipient) -> String {
    let short = Recipient { name: None, ..recipient.clone() }.word();
    clean(&recipient.name.as_deref().map_or(short.clone(), |name| format!("{name} ({short})")))
}

fn format_word(format: SealedFormat) -> &'static str {
    match format {
        SealedFormat::Yaml => "yaml",
        SealedFormat::Json => "json",
        SealedFormat::Dotenv => "dotenv",
        SealedFormat::Ini => "ini",
        SealedFormat::Binary => "binary",
    }
}

fn recipient_json(recipient: &Recipient) -> serde_json::Value {
    json!({"key": clean(&recipient.key), "name": recipient.name.as_deref()})
}

fn file_json(file: &AuditedFile) -> serde_json::Value {
    json!({
        "path": &*file.path,
        "format": format_word(file.format),
        "keys": file.keys.iter().map(|key| &**key).collect::<Vec<_>>(),
        "recipients": file.recipients.iter().map(recipient_json).collect::<Vec<_>>(),
        "otherKeyTypes": file.foreign.iter().map(|kind| &**kind).collect::<Vec<_>>(),
        "rule": file.rule,
        "sealedAt": file.sealed_at,
        "sopsVersion": file.version.as_deref(),
        "changedBy": file.changed_by.as_deref(),
        "opened": file.closed.is_none(),
        "problem": file.closed.as_ref().map(output::problem),
    })
}

fn rules_json(answer: &RulesFor) -> serde_json::Value {
    let rule = |rule: &RuleFor| {
        json!({
            "rule": rule.rule,
            "place": format!("{}:{}", answer.file, rule.line),
            "verdict": match rule.verdict {
                RuleVerdict::Applies => "applies",
                RuleVerdict::DoesNotMatch => "does-not-match",
                RuleVerdict::TooLate => "too-late",
            },
            "recipients": rule.recipients.iter().map(recipient_json).collect::<Vec<_>>(),
            "seals": rule.seals,
        })
    };
    json!({
        "path": answer.path,
        "rules": answer.rules.iter().map(rule).collect::<Vec<_>>(),
        "problems": answer.problems.iter().map(output::problem).collect::<Vec<_>>(),
    })
}
