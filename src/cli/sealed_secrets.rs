//! SealedSecrets and their controllers' certificates, as an audit prints them.

use super::context::Context;
use super::output::{self, Label, counted};
use crate::workspace::{AuditedCertificate, AuditedSealedSecret};
use serde_json::{Value, json};
use std::io;

/// Prints one SealedSecret.
pub(super) fn print(context: &mut Context<'_, '_>, sealed: &AuditedSealedSecret) -> io::Result<()> {
    let place = format!("{}:{}", sealed.path, sealed.line);
    let about = format!(
        "  SealedSecret {}, {}, {}",
        sealed.name,
        sealed.scope.word(),
        counted(sealed.keys.len(), "key")
    );
    context.out.line(&[(Label::Good, "✓ "), (Label::Strong, &place), (Label::Muted, &about)])?;
    let keys: Vec<&str> = sealed.keys.iter().map(|key| &**key).collect();
    let rendered: Vec<String> =
        sealed.rendered.iter().map(|(environment, name)| format!("{name} in {environment}")).collect();
    let lines = [
        ("keys", keys.join(", ")),
        ("opens", format!("{}, in the cluster alone", sealed.opens)),
        ("rendered", rendered.join(", ")),
        ("changed", sealed.changed_by.as_deref().map(|who| format!("by {who}")).unwrap_or_default()),
    ];
    for (what, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        context.out.line(&[(Label::Muted, &format!("    {what:<10}")), (Label::Plain, text)])?;
    }
    Ok(())
}

/// Prints one certificate; what is wrong with it stands among the findings.
pub(super) fn print_certificate(
    context: &mut Context<'_, '_>,
    certificate: &AuditedCertificate,
) -> io::Result<()> {
    let (label, sign) = match (certificate.usable, certificate.stale) {
        (false, _) => (Label::Bad, "✗ "),
        (true, true) => (Label::Notice, "? "),
        (true, false) => (Label::Good, "✓ "),
    };
    let age = if certificate.stale { ", probably not the newest" } else { "" };
    let about = format!(
        "  certificate of a sealed-secrets controller, RSA {}, {} to {}{age}",
        certificate.bits,
        output::day(certificate.not_before),
        output::day(certificate.not_after)
    );
    context.out.line(&[(label, sign), (Label::Strong, &certificate.path), (Label::Muted, &about)])?;
    context.out.line(&[(Label::Muted, "    SHA-256   "), (Label::Plain, &certificate.fingerprint)])?;
    if certificate.stale {
        let next = "`kubeseal --fetch-cert > FILE` fetches the newest; what is sealed already opens still";
        context.out.line(&[(Label::Muted, "    next      "), (Label::Plain, next)])?;
    }
    Ok(())
}

/// One SealedSecret as JSON.
pub(super) fn json(sealed: &AuditedSealedSecret) -> Value {
    let rendered = sealed
        .rendered
        .iter()
        .map(|(environment, name)| json!({"environment": &**environment, "name": name}));
    json!({
        "path": &*sealed.path,
        "line": sealed.line,
        "name": sealed.name,
        "scope": sealed.scope.word(),
        "opens": sealed.opens,
        "keys": sealed.keys.iter().map(|key| &**key).collect::<Vec<_>>(),
        "rendered": rendered.collect::<Vec<_>>(),
        "changedBy": sealed.changed_by.as_deref(),
    })
}

/// One certificate as JSON.
pub(super) fn certificate_json(certificate: &AuditedCertificate) -> Value {
    json!({
        "path": &*certificate.path,
        "sha256": &*certificate.fingerprint,
        "notBefore": certificate.not_before,
        "notAfter": certificate.not_after,
        "bits": certificate.bits,
        "usable": certificate.usable,
        "stale": certificate.stale,
    })
}
