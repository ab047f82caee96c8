//! Files with objects that no environment renders: forgotten, applied by hand, or what another tool reads.

use super::discover::ASIDE;
use super::survey_cache::SurveyCache;
use crate::model::{Rendered, Tree, TreeError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The files of a tree that hold objects and that none of the environments read, sorted. What a producer that failed would
/// have read, as far as its kustomizations tell, counts as read; so does the file that declares an entry, which somebody
/// applies. Charts and folders for documentation and tests are no desired state (render.md 9).
pub fn unreached(
    tree: &dyn Tree,
    surveys: &SurveyCache,
    rendered: &[Arc<Rendered>],
) -> Result<Vec<Arc<str>>, TreeError> {
    let survey = surveys.of(tree)?;
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for producer in rendered.iter().flat_map(|rendered| &rendered.producers) {
        read.extend(producer.reads.iter().map(|path| &**path));
        read.insert(&producer.declared.file);
        if !producer.complete {
            read.extend(survey.reach(&producer.spec.path));
        }
    }
    let is_aside = |path: &str| path.split('/').any(|part| ASIDE.contains(&part)) || survey.in_chart(path);
    let found = survey.files.iter().filter(|(path, facts)| {
        (facts.is_objects || !facts.declared.is_empty()) && !read.contains(&***path) && !is_aside(path)
    });
    Ok(found.map(|(path, _)| path.as_str().into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;
    use crate::render::{Caches, Inputs, discover, render_environment};

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn what_nothing_names_is_found_and_what_is_patched_in_is_not() {
        let tree = Files::new(&[
            ("prod/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\n"),
            ("prod/a.yaml", MAP),
            ("prod/p.yaml", MAP),
            ("prod/forgotten.yaml", MAP),
            ("prod/values.yaml", "a: b\n"),
            ("docs/example.yaml", MAP),
        ]);
        let caches = Caches::default();
        let found = discover(&tree, &caches.surveys, &[]).expect("files in memory");
        let inputs = Inputs::new(&caches);
        let rendered: Vec<_> =
            found.environments.iter().map(|e| Arc::new(render_environment(&tree, e, &inputs))).collect();
        let files = unreached(&tree, &caches.surveys, &rendered).expect("files in memory");
        assert_eq!(files.iter().map(|file| &**file).collect::<Vec<_>>(), ["prod/forgotten.yaml"]);
    }
}
