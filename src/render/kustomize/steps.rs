//! Who asks for a transformation, and where: what a step of an object says, kept only where somebody asks
//! (`Inputs::steps`).

use super::context::Context;
use super::decode::Text;
use super::entries::{Image, Patch};
use super::model::Kustomization;
use super::resmap::ResMap;
use super::resource::Resource;
use crate::model::{Because, Place, Step};
use crate::yaml::{Mark, Node};
use std::sync::Arc;

/// One request for a transformation.
#[derive(Clone, Debug)]
pub struct By<'a> {
    /// The transformer, as kustomize calls it.
    pub transformer: &'a str,
    /// The file that asks for it.
    pub file: Arc<str>,
    /// The line of the entry; 0 for the whole file.
    pub line: u32,
    /// The entry: `patches[2]`.
    pub entry: String,
    /// The file that the entry names.
    pub through: Option<Arc<str>>,
}

impl<'a> By<'a> {
    /// An object as its file has it.
    pub fn file(object: &Resource) -> Self {
        let (file, line) = (object.origin.file.clone(), object.origin.line);
        Self { transformer: "file", file, line, entry: String::new(), through: None }
    }

    /// A transformation that the kustomization as a whole asks for.
    pub fn whole(transformer: &'a str, k: &Kustomization) -> Self {
        Self { transformer, file: k.file.clone(), line: 0, entry: String::new(), through: None }
    }

    /// One that a field with a single value asks for; Flux's `spec.` field if that stands in another file.
    pub fn text(
        transformer: &'a str,
        k: &Kustomization,
        (field, of_flux): (&str, &str),
        text: &Text,
    ) -> Self {
        let mark = text.mark_in(&k.file);
        let own = mark.file.as_ref() == Some(&k.file);
        let entry = if own { field } else { of_flux }.to_owned();
        Self { entry, ..Self::at(transformer, &mark, k) }
    }

    /// One that an entry of `patches` or `patchesJson6902` asks for. Those of a controller stand behind the others.
    pub fn patch(
        transformer: &'a str,
        k: &Kustomization,
        (field, list): (&str, &[Patch]),
        index: usize,
        through: Option<Arc<str>>,
    ) -> Self {
        let Some(entry) = list.get(index) else { return Self::whole(transformer, k) };
        let (file, entry_name) = match &entry.file {
            None => (k.file.clone(), format!("{field}[{index}]")),
            Some(file) => {
                let own = list.iter().take_while(|patch| patch.file.is_none()).count();
                (file.clone(), format!("spec.{field}[{}]", index - own.min(index)))
            }
        };
        let through = through.filter(|text| *text != file);
        Self { transformer, file, line: entry.line, entry: entry_name, through }
    }

    /// One that an entry of `images` asks for.
    pub fn image(k: &Kustomization, index: usize, image: &Image) -> Self {
        let by = Self::at("ImageTagTransformer", &image.mark, k);
        let entry = if by.file == k.file { format!("images[{index}]") } else { "spec.images".to_owned() };
        Self { entry, ..by }
    }

    /// One that an entry at a line of the kustomization asks for.
    pub fn entry(transformer: &'a str, k: &Kustomization, entry: String, line: u32) -> Self {
        Self { line, entry, ..Self::whole(transformer, k) }
    }

    /// One that is asked for by an object, as `transformers:` does.
    pub fn plugin(plugin: &'a Resource) -> Self {
        Self {
            transformer: &plugin.id.gvk.kind,
            file: plugin.origin.file.clone(),
            line: plugin.origin.line,
            entry: format!("{}/{}", plugin.id.gvk.kind, plugin.name()),
            through: None,
        }
    }

    fn at(transformer: &'a str, mark: &Mark, k: &Kustomization) -> Self {
        let file = mark.file.clone().unwrap_or_else(|| k.file.clone());
        Self { transformer, file, line: mark.line, entry: String::new(), through: None }
    }

    /// The step that left this body.
    pub fn step(&self, body: &Node, because: Vec<Because>) -> Step {
        let (by, through) = (self.transformer.into(), self.through.clone());
        Step { by, place: self.place(), through, body: body.clone(), because }
    }

    fn place(&self) -> Place {
        let field = (!self.entry.is_empty()).then(|| self.entry.as_str().into());
        Place { file: self.file.clone(), line: self.line, field }
    }
}

/// Keeps what all objects are now, if somebody asks.
pub fn keep<'b>(context: &Context<'_>, objects: &mut ResMap, by: impl FnOnce() -> By<'b>) {
    if context.inputs.steps {
        let by = by();
        objects.list_mut().iter_mut().for_each(|resource| resource.step(&by, Vec::new()));
    }
}

impl Resource {
    /// Keeps what it is now as the outcome of a step, if that changed anything.
    pub fn step(&mut self, by: &By<'_>, because: Vec<Because>) {
        let unchanged = self.steps.last().is_some_and(|last| last.body.is_shared_with(&self.body));
        if unchanged && because.is_empty() {
            return;
        }
        self.steps.push(by.step(&self.body, because));
    }
}
