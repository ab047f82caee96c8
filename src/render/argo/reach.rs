//! Which files an Application reads, told by their names: what lies there comes out of its rendering.

use super::detect::{self, Tool};
use super::directory;
use super::fields::Fields;
use super::files::{self, Resolved};
use super::home::Home;
use super::spec::Application;
use crate::model::Tree;
use crate::render::survey::Survey;
use std::collections::BTreeSet;

/// What an Application reads.
#[derive(Debug, Default)]
pub(in crate::render) struct Reach {
    /// Files whose objects it makes.
    pub files: BTreeSet<String>,
    /// Folders that it builds.
    pub folders: BTreeSet<String>,
}

impl Reach {
    /// What an Application reads of this repository.
    pub fn of(app: &Application, tree: &dyn Tree, survey: &Survey, home: &Home) -> Self {
        let mut reach = Self::default();
        for source in app.sources.iter().filter(|s| s.chart.is_empty() && home.is(&s.url)) {
            if source.path.is_empty() || source.path.starts_with('/') {
                continue;
            }
            let Ok(Resolved::Folder(folder)) = files::resolve(tree, &source.path) else { continue };
            match detect::tool(tree, &folder, &source.node, &[]) {
                Ok(Tool::Kustomize) => {
                    reach.files.extend(survey.reach(&folder).into_iter().map(str::to_owned));
                    reach.folders.insert(folder);
                }
                Ok(Tool::Directory) => {
                    let options = directory::Options::of(&source.node, "", &mut Fields::new(&app.origin));
                    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                    let below = survey.files.range(prefix.clone()..).map(|(path, _)| path);
                    for path in below.take_while(|path| path.starts_with(&prefix)) {
                        let relative = &path[prefix.len()..];
                        if (options.recurses() || !relative.contains('/')) && options.takes(relative) {
                            reach.files.insert(path.clone());
                        }
                    }
                    reach.folders.insert(folder);
                }
                _ => {}
            }
        }
        reach
    }
}
