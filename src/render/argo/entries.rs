//! Environments of Argo CD: Applications that nothing in the repository makes, by cluster and by the environment in their
//! path.

use super::home::Home;
use super::reach::Reach;
use super::spec::{self, Application};
use crate::model::{Environment, Manifest, Place, Tree};
use crate::render::discover::{Found, Seed, folder_of, is_folder};
use crate::render::places::{common_folder, environment_of};
use crate::render::survey::Survey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found.
#[derive(Default)]
pub(in crate::render) struct Entries {
    /// The environments.
    pub environments: Vec<Found>,
    /// Folders that Applications build: they are no environments of their own.
    pub covered: BTreeSet<String>,
}

/// An Application with what it reads.
struct Known<'s> {
    manifest: &'s Arc<Manifest>,
    app: Application,
    reach: Reach,
}

/// Looks for Applications and sets of them that are applied as they are.
pub(in crate::render) fn of(tree: &dyn Tree, survey: &Survey, remotes: &[String]) -> Entries {
    let declared = || survey.declared().filter(|m| !survey.in_chart(&m.origin.file));
    let apps: Vec<(&Arc<Manifest>, Application)> =
        declared().filter_map(|m| Some((m, Application::of(m)?))).collect();
    let all: Vec<Application> = apps.iter().map(|(_, app)| app.clone()).collect();
    let home = Home::of(&all, remotes, &|path| is_folder(tree, path));
    let known: Vec<Known<'_>> = apps
        .into_iter()
        .map(|(manifest, app)| Known { reach: Reach::of(&app, tree, survey, &home), manifest, app })
        .collect();
    let mut entries = Entries::default();
    entries.covered.extend(known.iter().flat_map(|k| k.reach.folders.iter().cloned()));
    let named = survey.named();
    let mut groups: BTreeMap<(&str, &str), Vec<Arc<Manifest>>> = BTreeMap::new();
    let sets = declared().filter(|m| spec::is_set(&m.key) && m.body.at_path(&["spec", "template"]).is_some());
    let free = |file: &str| !named.contains(file) && known.iter().all(|k| !k.reach.files.contains(file));
    for manifest in sets.filter(|m| free(&m.origin.file)) {
        groups.entry((environment(&manifest.origin.file), "")).or_default().push(manifest.clone());
    }
    for place in roots(&known) {
        let Known { manifest, app, .. } = &known[place];
        // What a kustomization names comes out of its rendering.
        if !named.contains(&*manifest.origin.file) {
            let key = (environment(&manifest.origin.file), &*app.destination.cluster);
            groups.entry(key).or_default().push((*manifest).clone());
        }
    }
    entries.environments =
        groups.into_iter().map(|((name, cluster), group)| found(name, cluster, group)).collect();
    entries
}

fn environment(file: &str) -> &str {
    environment_of(folder_of(file)).unwrap_or("argocd")
}

fn found(name: &str, cluster: &str, mut group: Vec<Arc<Manifest>>) -> Found {
    // In the order of the files, as they are read.
    group.sort_by(|a, b| (&a.origin.file, a.origin.line).cmp(&(&b.origin.file, b.origin.line)));
    let entry = common_folder(group.iter().map(|m| folder_of(&m.origin.file)));
    let first = &group[0];
    let to =
        if cluster.is_empty() { String::new() } else { format!(" for {}", crate::model::clean(cluster)) };
    let why = format!(
        "{} Argo CD applications{to}, the first {} in {}:{}",
        group.len(),
        first.key,
        first.origin.file,
        first.origin.line
    );
    // Another cluster is another environment: its host tells it apart.
    let host = cluster.split_once("://").map_or(cluster, |(_, rest)| rest);
    let host = host.split([':', '/']).next().unwrap_or(host);
    let name = if host.is_empty() { name.to_owned() } else { format!("{name}-{host}") };
    let evidence = Some(Place { file: first.origin.file.clone(), line: first.origin.line, field: None });
    (Environment { name: name.into(), entry: entry.into(), why, evidence }, Seed::Argo(group))
}

/// Those that no other one makes; of a circle, the first. One that goes to another cluster than the one that makes it
/// stands on its own, since an environment is what one cluster gets.
fn roots(known: &[Known<'_>]) -> Vec<usize> {
    // An Application that contains itself, as those of Applications often do, is not made by itself.
    let makes = |by: &Known<'_>, made: &Known<'_>| {
        by.app.key != made.app.key
            && by.reach.files.contains(&*made.manifest.origin.file)
            && by.app.destination.cluster == made.app.destination.cluster
    };
    let mut covered = vec![false; known.len()];
    let cover = |root: usize, covered: &mut Vec<bool>| {
        let mut open = vec![root];
        while let Some(by) = open.pop() {
            if std::mem::replace(&mut covered[by], true) {
                continue;
            }
            open.extend((0..known.len()).filter(|made| !covered[*made] && makes(&known[by], &known[*made])));
        }
    };
    let is_free = |place: &usize| {
        (0..known.len()).all(|other| other == *place || !makes(&known[other], &known[*place]))
    };
    let mut roots: Vec<usize> = (0..known.len()).filter(is_free).collect();
    for root in &roots {
        cover(*root, &mut covered);
    }
    for place in 0..known.len() {
        if !covered[place] {
            cover(place, &mut covered);
            roots.push(place);
        }
    }
    roots.sort_unstable();
    roots
}
