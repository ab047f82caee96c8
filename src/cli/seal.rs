//! `sealane seal`: one key set from standard input or typed unseen, keys removed, in a plan like any other.

use super::arguments::{SealedSecretArguments, Write};
use super::context::{Context, folder_of, path_inside};
use super::exit::Exit;
use super::plan;
use crate::model::{Problem, Reason, clean};
use crate::secret::SecretText;
use crate::workspace::{GivenCertificate, KeyEdit, SealScope, SealedSecretRequest, Workspace};
use std::io::{self, Read as _};
use std::path::Path;

/// The longest value that is read.
const LONGEST: u64 = 1 << 20;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    file: &Path,
    set: Option<String>,
    remove: &[String],
    sealed_secret: &SealedSecretArguments,
    write: &Write,
) -> io::Result<Exit> {
    let workspace = match context.open(folder_of(file))? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let inside = match path_inside(&workspace, file) {
        Ok(inside) => inside,
        Err(problem) => return context.problem(&problem),
    };
    let mut edits: Vec<KeyEdit> = remove.iter().map(|k| KeyEdit::Remove { key: k.as_str().into() }).collect();
    if let Some(key) = set {
        match read_value(context.input)? {
            Ok(value) => edits.push(KeyEdit::Set { key: key.into(), value }),
            Err(problem) => return context.problem(&problem),
        }
    }
    if sealed_secret.is_meant() {
        return seal_for_controller(context, &workspace, inside, edits, sealed_secret, write).await;
    }
    if edits.is_empty() {
        let problem = Problem::error(Reason::Config, "nothing to do")
            .next("--set KEY sets a key, --remove KEY removes one, --sealed-secret makes a SealedSecret of a Secret");
        return context.problem(&problem);
    }
    match workspace.plan_seal(&inside, edits).await {
        Ok(made) => plan::carry_out(context, &workspace, made, write).await,
        Err(problem) => context.problem(&problem),
    }
}

/// Seals for a sealed-secrets controller.
async fn seal_for_controller(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    file: String,
    edits: Vec<KeyEdit>,
    arguments: &SealedSecretArguments,
    write: &Write,
) -> io::Result<Exit> {
    let certificate = match arguments.certificate.as_deref().map(read_certificate).transpose() {
        Ok(certificate) => certificate,
        Err(problem) => return context.problem(&problem),
    };
    let request = SealedSecretRequest {
        file,
        edits,
        scope: arguments.scope.as_deref().and_then(SealScope::of_word),
        certificate,
        name: arguments.name.clone(),
        namespace: arguments.namespace.clone(),
        environment: context.place.environment.clone(),
    };
    match workspace.plan_sealed_secret(request).await {
        Ok(made) => plan::carry_out(context, workspace, made, write).await,
        Err(problem) => context.problem(&problem),
    }
}

/// A certificate on disk; no more of a file is read than a certificate can have.
fn read_certificate(path: &Path) -> Result<GivenCertificate, Problem> {
    let name = clean(&path.display().to_string());
    let unread = |error: io::Error| {
        Problem::error(Reason::Config, format!("the certificate cannot be read: {error}"))
            .at(&name, 0)
            .next("name the controller's certificate, a PEM file")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(GivenCertificate { name: name.clone(), bytes })
}

/// The value from standard input; one line break at its end does not belong to it. An input that ends at once is no
/// empty value: it was closed, or what should have written to it has failed.
fn read_value(input: &mut dyn io::Read) -> io::Result<Result<SecretText, Problem>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(1 << 20) + 64);
    input.take(LONGEST + 1).read_to_end(&mut bytes)?;
    let refused = |cause: String, next: &str| Ok(Err(Problem::error(Reason::Config, cause).next(next)));
    if bytes.is_empty() {
        let next = "write the value to it; an empty line is an empty value";
        return refused("standard input ended without a value".to_owned(), next);
    }
    if bytes.len() as u64 > LONGEST {
        // Wiped as it goes.
        drop(SecretText::from_vec(bytes));
        let next = "a Secret holds at most 1 MiB; keep the value elsewhere";
        return refused(format!("the value on standard input is longer than {LONGEST} bytes"), next);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(Ok(SecretText::from_vec(bytes)))
}
