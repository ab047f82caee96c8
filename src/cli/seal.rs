//! `sealane seal`: keys of one file or many set, generated, renamed, removed or imported, plain files sealed; in a plan
//! like any other.

use super::arguments::SealArguments;
use super::context::{Context, folder_of, path_inside, settled};
use super::exit::Exit;
use super::plan;
use crate::model::{Problem, Reason, clean};
use crate::secret::SecretText;
use crate::workspace::{FileEdit, GivenCertificate, KeyEdit, SealScope, SealedSecretRequest, Workspace};
use std::io::{self, Read as _};
use std::path::Path;

/// The longest value that is read.
const LONGEST: u64 = 1 << 20;
/// The longest file that is imported; no sealed file may be longer.
const LONGEST_FILE: u64 = 5 << 20;

pub(super) async fn run(context: &mut Context<'_, '_>, arguments: SealArguments) -> io::Result<Exit> {
    let folder = arguments.files.first().map_or_else(|| Path::new("."), |file| folder_of(file));
    let workspace = match context.open(folder)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut inside: Vec<String> = Vec::new();
    for file in &arguments.files {
        match path_inside(&workspace, file) {
            Ok(path) if inside.contains(&path) => {}
            Ok(path) => inside.push(path),
            Err(problem) => return context.problem(&problem),
        }
    }
    let controller = &arguments.for_controller;
    if !arguments.key.is_empty() && arguments.from.is_none() && arguments.from_live.is_none() {
        let problem = Problem::error(Reason::Config, "--key says which keys of a source are taken");
        return context.problem(&problem.next("name the source with --from or --from-live"));
    }
    if let Some(live) = arguments.from_live.as_deref().filter(|_| !controller.is_meant()) {
        settled(&workspace).await;
        let environment = context.place.environment.as_deref();
        return match workspace.plan_from_live(inside, environment, live, arguments.key).await {
            Ok(made) => plan::carry_out(context, &workspace, made, &arguments.write).await,
            Err(problem) => context.problem(&problem),
        };
    }
    if controller.is_meant() && !asks_for_keys(&arguments) {
        return seal_for_controller(context, &workspace, inside, Vec::new(), &arguments).await;
    }
    let edit = match read_edit(context.input, &arguments)? {
        Ok(edit) => edit,
        Err(problem) => return context.problem(&problem),
    };
    if controller.is_meant() {
        let FileEdit::Keys(edits) = edit else {
            let problem =
                Problem::error(Reason::NotSupported, "keys of elsewhere are not taken into a SealedSecret");
            return context
                .problem(&problem.next("set its keys with --set, or seal a Secret with --sealed-secret"));
        };
        return seal_for_controller(context, &workspace, inside, edits, &arguments).await;
    }
    match workspace.plan_seals(inside, edit).await {
        Ok(made) => plan::carry_out(context, &workspace, made, &arguments.write).await,
        Err(problem) => context.problem(&problem),
    }
}

/// True if keys are to change.
fn asks_for_keys(arguments: &SealArguments) -> bool {
    let lists = [&arguments.generate, &arguments.rename, &arguments.remove];
    arguments.set.is_some()
        || arguments.from.is_some()
        || arguments.from_live.is_some()
        || lists.iter().any(|list| !list.is_empty())
}

/// Seals for a sealed-secrets controller.
async fn seal_for_controller(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    files: Vec<String>,
    edits: Vec<KeyEdit>,
    arguments: &SealArguments,
) -> io::Result<Exit> {
    let mut files = files.into_iter();
    let (Some(file), None) = (files.next(), files.next()) else {
        let problem = Problem::error(Reason::NotSupported, "SealedSecrets are sealed one file at a time");
        return context.problem(&problem.next("name one file"));
    };
    let controller = &arguments.for_controller;
    let certificate = match controller.certificate.as_deref().map(read_certificate).transpose() {
        Ok(certificate) => certificate,
        Err(problem) => return context.problem(&problem),
    };
    let request = SealedSecretRequest {
        file,
        edits,
        scope: controller.scope.as_deref().and_then(SealScope::of_word),
        certificate,
        name: controller.name.clone(),
        namespace: controller.namespace.clone(),
        environment: context.place.environment.clone(),
    };
    match workspace.plan_sealed_secret(request).await {
        Ok(made) => plan::carry_out(context, workspace, made, &arguments.write).await,
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

fn read_edit(input: &mut dyn io::Read, arguments: &SealArguments) -> io::Result<Result<FileEdit, Problem>> {
    if let Some(plain) = &arguments.from {
        return read_file(input, plain, &arguments.key);
    }
    let key = |key: &String| key.as_str().into();
    let mut edits: Vec<KeyEdit> = arguments.remove.iter().map(|k| KeyEdit::Remove { key: key(k) }).collect();
    let pairs = arguments.rename.chunks_exact(2);
    edits.extend(pairs.map(|pair| KeyEdit::Rename { key: key(&pair[0]), to: key(&pair[1]) }));
    if let Some(set) = &arguments.set {
        match read_value(input)? {
            Ok(value) => edits.push(KeyEdit::Set { key: key(set), value }),
            Err(problem) => return Ok(Err(problem)),
        }
    }
    let letters = usize::from(arguments.length);
    edits.extend(arguments.generate.iter().map(|k| KeyEdit::Generate { key: key(k), letters }));
    Ok(Ok(if edits.is_empty() { FileEdit::Convert } else { FileEdit::Keys(edits) }))
}

/// A file, what a revision holds, or standard input: JSON where it begins with a brace, else dotenv.
fn read_file(
    input: &mut dyn io::Read,
    plain: &Path,
    keys: &[String],
) -> io::Result<Result<FileEdit, Problem>> {
    let keys = keys.to_vec();
    if let Some(from) = plain.to_str().filter(|text| text.contains(':') && !plain.exists()) {
        return Ok(Ok(FileEdit::Copy { from: from.to_owned(), keys }));
    }
    let is_input = plain.as_os_str() == "-";
    let shown = clean(&plain.display().to_string());
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(LONGEST_FILE).unwrap_or(5 << 20) + 64);
    let read = if is_input {
        input.take(LONGEST_FILE + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(plain).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
    };
    let (length, in_json) = (bytes.len() as u64, bytes.trim_ascii_start().starts_with(b"{"));
    // Wiped as it goes, whatever becomes of it.
    let content = SecretText::from_vec(bytes);
    let refused = |cause: String, next: &str| Ok(Err(Problem::error(Reason::Config, cause).next(next)));
    if let Err(error) = read {
        return refused(format!("{shown} cannot be read: {error}"), "name a file that is there, or `-`");
    }
    if length > LONGEST_FILE {
        let next = "a sealed file may have 5 MiB at most: keep it elsewhere, or split it";
        return refused(format!("{shown} is longer than {LONGEST_FILE} bytes"), next);
    }
    if content.is_empty() {
        return refused(format!("{shown} is empty"), "give at least one key and its value");
    }
    let name = match (is_input, in_json) {
        (true, true) => "standard input.json".to_owned(),
        (true, false) => "standard input.env".to_owned(),
        (false, _) => plain.display().to_string(),
    };
    Ok(Ok(FileEdit::Import { name, content, keys }))
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
