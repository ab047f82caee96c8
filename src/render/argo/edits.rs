//! What the `kustomize` block changes in a kustomization, in the words of `kustomize edit`, before it is built.

use super::components::{self, Found};
use super::fields::place;
use super::labels::{self as common, Pairs, Taken};
use super::options::Options;
use super::variables::Variables;
use crate::model::{Origin, Problem, Reason, Tree};
use crate::render::kustomize::{Image, Kustomization, Replica, Text, image_parts};
use crate::yaml::{Mark, Node};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What edits need.
pub(super) struct Edits<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// The folder of the kustomization.
    pub folder: &'a str,
    /// The Application, for places.
    pub origin: &'a Origin,
    /// What texts may name.
    pub variables: &'a Variables,
    /// Variables that were named and are not known.
    pub holes: Vec<&'static str>,
}

impl Edits<'_> {
    /// Changes a kustomization.
    pub fn run(&mut self, k: &mut Kustomization, options: &Options) -> Result<(), Problem> {
        for (text, place) in [
            (&options.name_prefix, &mut k.name_prefix),
            (&options.name_suffix, &mut k.name_suffix),
            (&options.namespace, &mut k.namespace),
        ] {
            if !text.is_empty() {
                *place = Some(text.clone());
            }
        }
        self.images(k, &options.images)?;
        replicas(k, &options.replicas);
        self.labels(k, options)?;
        self.annotations(k, options)?;
        k.patches.extend(options.patches.iter().cloned());
        self.components(k, options)
    }

    fn refuse(&self, mark: &Mark, field: &str, cause: String) -> Problem {
        let node = Node::null().at(mark.clone());
        let place = Some(place(self.origin, &node, field));
        Problem { place, ..Problem::error(Reason::InvalidKustomization, cause) }
    }

    fn expand(&mut self, text: &str) -> String {
        let made = self.variables.expand(text);
        self.holes.extend(made.holes);
        made.text
    }

    /// `edit set image`: entries of the kustomization with the same name are replaced, and all are sorted by name.
    fn images(&mut self, k: &mut Kustomization, images: &[Text]) -> Result<(), Problem> {
        if images.is_empty() {
            return Ok(());
        }
        let mut by_name: BTreeMap<Arc<str>, Image> = BTreeMap::new();
        for text in images {
            let argument = self.expand(text);
            let Some(image) = image(&argument, &text.mark) else {
                let cause = format!("the image `{argument}` has no new name, tag or digest");
                return Err(self.refuse(&text.mark, "kustomize.images", cause));
            };
            by_name.insert(image.name.text.clone(), image);
        }
        for own in std::mem::take(&mut k.images) {
            match by_name.get_mut(&own.name.text) {
                Some(image) => keep_asterisks(image, &own),
                None => drop(by_name.insert(own.name.text.clone(), own)),
            }
        }
        let nothing = Image::default();
        k.images = by_name.into_values().collect();
        k.images.iter_mut().for_each(|image| keep_asterisks(image, &nothing));
        Ok(())
    }

    fn pairs(&mut self, pairs: &Pairs, expand: bool, field: &str) -> Result<Pairs, Problem> {
        let mut made = Pairs::new();
        for (key, value) in pairs {
            let text = if expand { self.expand(value) } else { value.to_string() };
            let Some(pair) = common::argument(key, value, &text) else {
                return Err(self.refuse(&value.mark, field, format!("`{key}: {text}` has no key")));
            };
            made.push(pair);
        }
        Ok(made)
    }

    fn labels(&mut self, k: &mut Kustomization, options: &Options) -> Result<(), Problem> {
        const FIELD: &str = "kustomize.commonLabels";
        let labels = &options.labels;
        let Some((_, first)) = labels.pairs.first() else { return Ok(()) };
        if labels.include_templates && !labels.without_selector {
            let cause = "labelIncludeTemplates needs labelWithoutSelector".to_owned();
            return Err(self.refuse(&first.mark, FIELD, cause));
        }
        let pairs = self.pairs(&labels.pairs, true, FIELD)?;
        let added = if labels.without_selector {
            common::add_without_selector(&mut k.labels, &pairs, labels.include_templates, labels.force)
        } else {
            common::add(&mut k.common_labels, &pairs, labels.force)
        };
        added.map_err(|taken| self.taken("label", &taken, &pairs, FIELD, "forceCommonLabels"))
    }

    fn annotations(&mut self, k: &mut Kustomization, options: &Options) -> Result<(), Problem> {
        const FIELD: &str = "kustomize.commonAnnotations";
        let annotations = &options.annotations;
        let pairs = self.pairs(&annotations.pairs, annotations.expand, FIELD)?;
        common::add(&mut k.common_annotations, &pairs, annotations.force)
            .map_err(|taken| self.taken("annotation", &taken, &pairs, FIELD, "forceCommonAnnotations"))
    }

    fn taken(&self, what: &str, taken: &Taken, pairs: &Pairs, field: &str, force: &str) -> Problem {
        let found = pairs.iter().find(|(key, _)| *key == taken.0);
        let mark = found.map(|(_, value)| value.mark.clone()).unwrap_or_default();
        let cause = format!("the kustomization has the common {what} {} already", taken.0);
        self.refuse(&mark, field, cause).next(format!("set {force}: true to override it"))
    }

    /// `edit add component`: patterns are expanded, and what is there already is not added again.
    fn components(&mut self, k: &mut Kustomization, options: &Options) -> Result<(), Problem> {
        const FIELD: &str = "kustomize.components";
        for component in &options.components {
            let found = components::find(self.tree, self.folder, component, options.ignore_missing)
                .map_err(|error| self.refuse(&component.mark, FIELD, error.to_string()))?;
            let entries = match found {
                Found::Entries(entries) => entries,
                Found::Skipped => continue,
                Found::Nothing => {
                    let cause = format!("the component {} does not exist", &**component);
                    let problem = self.refuse(&component.mark, FIELD, cause);
                    let next = "set ignoreMissingComponents: true to leave it out";
                    return Err(Problem { reason: Reason::MissingFile, ..problem }.next(next));
                }
            };
            for entry in entries {
                if !k.components.iter().any(|own| **own == *entry) {
                    k.components.push(Text::new(entry, &component.mark));
                }
            }
        }
        Ok(())
    }
}

/// An image as `edit set image` takes it: `[old=]name[:tag][@digest]`; `None` if it says nothing new.
fn image(argument: &str, mark: &Mark) -> Option<Image> {
    let text = |text: &str| Text::new(text, mark);
    let (key, value) = argument.split_once('=').map_or(("", argument), |(key, value)| (key, value));
    let (name, tag, digest) = image_parts(value);
    if name == argument {
        return None;
    }
    let (name, new_name) = if key.is_empty() { (name, "") } else { (key, name) };
    let (name, new_name, new_tag, digest) = (text(name), text(new_name), text(tag), text(digest));
    Some(Image { name, new_name, new_tag, digest, mark: mark.clone(), ..Image::default() })
}

/// An asterisk keeps what the kustomization says.
fn keep_asterisks(image: &mut Image, own: &Image) {
    let kept = [
        (&mut image.new_name, &own.new_name),
        (&mut image.new_tag, &own.new_tag),
        (&mut image.digest, &own.digest),
    ];
    for (new, old) in kept {
        if &**new == "*" {
            *new = old.clone();
        }
    }
}

/// `edit set replicas`: entries of the same name are replaced, and all are sorted by name.
fn replicas(k: &mut Kustomization, replicas: &[(Text, i64)]) {
    if replicas.is_empty() {
        return;
    }
    let own = std::mem::take(&mut k.replicas);
    let mut by_name: BTreeMap<Arc<str>, Replica> =
        own.into_iter().map(|replica| (replica.name.text.clone(), replica)).collect();
    for (name, count) in replicas {
        let replica = Replica { name: name.clone(), count: *count, mark: name.mark.clone() };
        by_name.insert(name.text.clone(), replica);
    }
    k.replicas = by_name.into_values().collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(images: &[Image]) -> Vec<String> {
        images
            .iter()
            .map(|i| format!("{}={}:{}@{}", &*i.name, &*i.new_name, &*i.new_tag, &*i.digest))
            .collect()
    }

    fn text(text: &str) -> Text {
        Text::new(text, &Mark { line: 3, ..Mark::default() })
    }

    #[test]
    fn images_are_set_as_kustomize_sets_them() {
        let tree = crate::render::testing::Files::new(&[]);
        let variables = Variables::new(vec![("ARGOCD_APP_NAME", "web".to_owned())]);
        let origin = Origin::default();
        let mut edits =
            Edits { tree: &tree, folder: "", origin: &origin, variables: &variables, holes: Vec::new() };
        let own = |name: &str, new: &str, tag: &str| Image {
            name: text(name),
            new_name: text(new),
            new_tag: text(tag),
            ..Image::default()
        };
        let mut k = Kustomization {
            images: vec![own("z", "", "1"), own("keep", "reg/keep", "7"), own("b", "reg/b", "1")],
            ..Kustomization::default()
        };
        let images = ["b:2", "a=reg:5000/$ARGOCD_APP_NAME@sha256:ff", "keep=*:9", "new=other"].map(text);
        edits
            .run(&mut k, &Options { images: images.to_vec(), ..Options::default() })
            .expect("they are images");
        assert_eq!(
            shown(&k.images),
            ["a=reg:5000/web:@sha256:ff", "b=:2@", "keep=reg/keep:9@", "new=other:@", "z=:1@"]
        );
        let wrong = Options { images: vec![text("nginx")], ..Options::default() };
        let problem = edits.run(&mut k, &wrong).expect_err("it says nothing");
        assert_eq!(problem.place.map(|p| p.line), Some(3));
    }

    #[test]
    fn replicas_are_sorted_and_replaced() {
        let own = Replica { name: text("web"), count: 1, mark: Mark::default() };
        let mut k = Kustomization { replicas: vec![own], ..Kustomization::default() };
        replicas(&mut k, &[(text("web"), 3), (text("api"), 2)]);
        assert_eq!(
            k.replicas.iter().map(|r| (&*r.name, r.count)).collect::<Vec<_>>(),
            [("api", 2), ("web", 3)]
        );
    }
}
