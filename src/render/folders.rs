//! A folder that no controller's object stands for: its kustomization, or its plain files, as `kubectl apply`
//! would take them.

use super::flux::build::Made;
use super::flux::sealed;
use super::kustomize::{self, BuildOptions, Inputs, Kustomization, Order, Text};
use super::survey::Survey;
use crate::model::{Manifest, ObjectKey, Origin, Problem, Producer, ProducerSpec, Tree};
use std::sync::Arc;

/// Renders a folder.
pub(super) fn render(tree: &dyn Tree, folder: &str, survey: &Survey, inputs: &Inputs<'_>) -> Made {
    let options =
        BuildOptions { confined: false, order: Order::Legacy, managed_by_label: false, partial: true };
    let mut made = Made { complete: true, ..Made::default() };
    if survey.roots.contains_key(folder) {
        let strict = BuildOptions { partial: false, ..options.clone() };
        let result = kustomize::build_recorded(tree, folder, &options, inputs);
        take(result, || kustomize::build_recorded(tree, folder, &strict, inputs).err(), &mut made);
    } else {
        for (place, path) in plain_files(folder, survey) {
            let name: Arc<str> = path.rsplit('/').next().unwrap_or(&path).into();
            let kustomization = Kustomization {
                file: path.as_str().into(),
                resources: vec![Text::made(name)],
                ..Kustomization::default()
            };
            let result = kustomize::build_generated(tree, &place, &kustomization, &options, inputs);
            take(result, || None, &mut made);
        }
    }
    for manifest in &mut made.objects {
        made.problems.extend(sealed::open(manifest, inputs.opener, true));
    }
    made.problems.sort_by_key(|problem: &Problem| problem.severity);
    made
}

type Result = std::result::Result<kustomize::Build, Box<kustomize::Failure>>;

fn take(result: Result, strict: impl FnOnce() -> Option<Box<kustomize::Failure>>, made: &mut Made) {
    match result {
        Ok(build) => {
            made.complete &= build.is_complete();
            made.reads.extend(build.reads.iter().map(|(path, _)| path.clone()));
            made.problems.extend(build.omissions.iter().map(|omission| omission.error.problem()));
            made.problems.extend(build.warnings);
            made.objects.extend(build.objects);
        }
        Err(failure) => made.fail(&failure, strict),
    }
}

/// The files that stand for a folder; `None` if its kustomization does.
pub(super) fn own_files(folder: &str, survey: &Survey) -> Option<Vec<(String, String)>> {
    (!survey.roots.contains_key(folder)).then(|| plain_files(folder, survey))
}

/// Files that hold objects, with their folders; each is built on its own, so that one cannot spoil the others.
fn plain_files(folder: &str, survey: &Survey) -> Vec<(String, String)> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    survey
        .files
        .range(prefix.clone()..)
        .take_while(|(path, _)| path.starts_with(&prefix))
        .filter(|(path, facts)| facts.is_objects && !survey.in_chart(path))
        .map(|(path, _)| (path.rsplit_once('/').map_or("", |(above, _)| above).to_owned(), path.clone()))
        .collect()
}

/// The producer that a folder is.
pub(super) fn producer(
    folder: &str,
    objects: &[Arc<Manifest>],
    problems: Vec<Problem>,
    complete: bool,
    reads: Arc<[Arc<str>]>,
) -> Producer {
    let declared = Origin { file: folder.into(), ..Origin::default() };
    Producer {
        key: ObjectKey::new("", "Folder", "", folder),
        parent: None,
        declared,
        spec: ProducerSpec { path: folder.into(), ..ProducerSpec::default() },
        objects: objects.to_vec(),
        problems,
        complete,
        reads,
    }
}
