//! One folder: resources, generators, components, transformers, in kustomize's order (render.md 2.2).

use super::config::{Config, merged};
use super::context::{Context, Remote};
use super::crds;
use super::decode::Text;
use super::documents::{Model, Objects};
use super::error::{BuildError, Cause};
use super::generator::{Product, defaults, generate};
use super::loader::{Loaded, Loader};
use super::model::{FILE_NAMES, Kustomization};
use super::openapi;
use super::plugins;
use super::remote;
use super::resmap::ResMap;
use super::resource::Resource;
use super::steps::By;
use super::trace::{self, Place};
use super::transform;
use super::vars::Vars;
use std::sync::Arc;

/// So many entries are read before the first one is taken in.
const READ_AHEAD: usize = 256;
/// No more bytes than these are read ahead.
const MOST_AHEAD: usize = 8 << 20;

/// A file, with its objects if they were parsed already.
type Read = (Loaded, Option<Objects>);

/// What a folder and all it pulls in come to.
#[derive(Default)]
pub struct Accumulated {
    /// The objects.
    pub objects: ResMap,
    /// The field specs in force; `None` before any folder was read.
    pub config: Option<Arc<Config>>,
    /// The vars.
    pub vars: Vars,
}

impl Accumulated {
    /// Adds what the folder made that an entry of `file` names.
    fn merge(&mut self, other: Self, file: &Arc<str>, entry: &Text, field: &str) -> Result<(), BuildError> {
        let wrap = |c: Cause| c.in_field(file, entry.line(), field);
        if self.objects.list().is_empty() {
            self.objects = other.objects;
            self.objects.check().map_err(wrap)?;
        } else {
            self.objects.append_all(other.objects.into_list()).map_err(wrap)?;
        }
        if let Some(config) = &other.config {
            self.config = Some(merged(self.config.take(), config).map_err(wrap)?);
        }
        self.vars.merge(other.vars)
    }
}

/// One folder being built.
pub struct Target<'t, 'a> {
    /// The build.
    pub context: &'t Context<'a>,
    /// The folder.
    pub loader: Loader<'a>,
    /// Its kustomization.
    pub k: &'t Kustomization,
    /// Where we are, for origin annotations.
    pub place: Place,
}

/// Finds and reads the kustomization of a folder.
pub fn read(context: &Context<'_>, loader: &Loader<'_>) -> Result<Model, BuildError> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        if loader.has(name).map_err(|c| loader.error(c))? {
            found.push(name);
        }
    }
    match found.as_slice() {
        [] => Err(loader.error(Cause::NoKustomization(loader.root()))),
        [name] => {
            let file = loader.load(name).map_err(|c| loader.error(c))?;
            Ok(context.inputs.documents.model(&file))
        }
        several => {
            let files = several.join(", ");
            Err(loader.error(Cause::SeveralKustomizations { folder: loader.root(), files }))
        }
    }
}

impl<'a> Target<'_, 'a> {
    /// Runs the folder's steps on `into`: a fresh set for a kustomization, the parent's for a component.
    pub fn run(&self, mut into: Accumulated) -> Result<Accumulated, BuildError> {
        let schema = openapi::load(&self.loader, self.k, self.context.inputs.documents.limits())?;
        self.context.schema.offer(schema);
        self.resources(&mut into, &self.k.resources, "resources")?;
        self.configure(&mut into)?;
        self.generate(&mut into)?;
        for entry in &self.k.components {
            into = self.component(into, entry)?;
        }
        transform::run(self, &mut into)?;
        into.vars.declare(&self.k.vars, &self.k.file, &mut into.objects)?;
        Ok(into)
    }

    /// Reads entries: each as a file of objects; if that fails, as a folder with its own kustomization.
    pub fn resources(&self, into: &mut Accumulated, entries: &[Text], field: &str) -> Result<(), BuildError> {
        for block in entries.chunks(READ_AHEAD) {
            let mut ahead = self.read_ahead(block).into_iter();
            for entry in block {
                let read = self.resource(into, entry, ahead.next().flatten(), field);
                read.or_else(|error| self.context.omit(entry, error))?;
            }
        }
        Ok(())
    }

    /// The files of entries with their objects, parsed side by side; nothing where a few entries are not worth it, and
    /// for entries that are no files or would hold too much at once.
    fn read_ahead(&self, entries: &[Text]) -> Vec<Option<Read>> {
        let documents = self.context.inputs.documents;
        if !documents.is_worth_threads(entries.len()) {
            return Vec::new();
        }
        let (mut files, mut places, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (place, entry) in entries.iter().enumerate() {
            if let Ok(file) = self.loader.load(entry) {
                bytes += file.bytes.len();
                files.push(file);
                places.push(place);
            }
            if bytes > MOST_AHEAD {
                break;
            }
        }
        let objects = documents.all_objects(&files);
        let mut ahead: Vec<Option<Read>> = entries.iter().map(|_| None).collect();
        for ((place, file), objects) in places.into_iter().zip(files).zip(objects) {
            ahead[place] = Some((file, Some(objects)));
        }
        ahead
    }

    fn resource(
        &self,
        into: &mut Accumulated,
        entry: &Text,
        ahead: Option<Read>,
        field: &str,
    ) -> Result<(), BuildError> {
        if let Some(remote) = self.context.inputs.remotes.get(&**entry) {
            return self.fetched(into, entry, &remote.clone(), field);
        }
        let file_error = match self.file(into, entry, ahead, field) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if remote::is_repository(entry) || matches!(*file_error.cause, Cause::Remote { .. }) {
            let cause = Cause::Remote { url: entry.to_string() };
            return Err(cause.in_field(&self.k.file, entry.line(), field));
        }
        match self.loader.enter(entry) {
            Ok(loader) => self.folder(into, loader, entry, field),
            // A file that cannot be read is no folder: its own error says more.
            Err(Cause::WrongKind(_)) => Err(file_error),
            Err(cause) => Err(cause.in_field(&self.k.file, entry.line(), field)),
        }
    }

    fn file(
        &self,
        into: &mut Accumulated,
        entry: &Text,
        ahead: Option<Read>,
        field: &str,
    ) -> Result<(), BuildError> {
        let wrap = |c: Cause| c.in_field(&self.k.file, entry.line(), field);
        let (file, objects) = match ahead {
            Some(read) => read,
            None => (self.loader.load(entry).map_err(wrap)?, None),
        };
        self.context.budget.read(file.bytes.len()).map_err(wrap)?;
        let objects = objects.unwrap_or_else(|| self.context.inputs.documents.objects(&file));
        let objects: &[Resource] = match &*objects {
            Ok(objects) => objects,
            Err(error) => return Err(error.clone()),
        };
        let origin = self.context.traced.then(|| self.place.file(entry));
        for object in objects {
            let mut object = object.clone();
            if let Some(origin) = &origin {
                trace::born(&mut object, origin);
            }
            if self.context.inputs.steps {
                object.step(&By::file(&object), Vec::new());
            }
            into.objects.append(object).map_err(wrap)?;
        }
        Ok(())
    }

    fn folder(
        &self,
        into: &mut Accumulated,
        loader: Loader<'a>,
        entry: &Text,
        field: &str,
    ) -> Result<(), BuildError> {
        let made = self.enter(loader, entry, field, Accumulated::default(), false)?;
        into.merge(made, &self.k.file, entry, field)
    }

    fn component(&self, into: Accumulated, entry: &Text) -> Result<Accumulated, BuildError> {
        let field = "components";
        if remote::is_repository(entry) || remote::is_url(entry) {
            let Some(remote) = self.context.inputs.remotes.get(&**entry).cloned() else {
                let cause = Cause::Remote { url: entry.to_string() };
                self.context.omit(entry, cause.in_field(&self.k.file, entry.line(), field))?;
                return Ok(into);
            };
            return self.elsewhere(into, entry, &remote, field, true);
        }
        let loader = self.loader.enter(entry).map_err(|c| c.in_field(&self.k.file, entry.line(), field))?;
        let mut made = self.enter(loader, entry, field, into, true)?;
        // What a component made of all objects is taken in one by one.
        made.objects.check().map_err(|c| c.in_field(&self.k.file, entry.line(), field))?;
        Ok(made)
    }

    fn enter(
        &self,
        loader: Loader<'_>,
        entry: &Text,
        field: &str,
        into: Accumulated,
        component: bool,
    ) -> Result<Accumulated, BuildError> {
        let entered = self.context.budget.enter(loader.depth());
        entered.map_err(|c| c.in_field(&self.k.file, entry.line(), field))?;
        let here = |error: BuildError| error.through(self.loader.root().as_str());
        let model = read(self.context, &loader).map_err(|error| match *error.cause {
            // The entry that names the folder is where this has to be mended.
            Cause::NoKustomization(_) => error.cause.in_field(&self.k.file, entry.line(), field),
            _ => here(error),
        })?;
        let k = match &*model {
            Ok(k) => k,
            Err(error) => return Err(here(error.clone())),
        };
        if k.component != component {
            let name = |component| if component { "component" } else { "kustomization" }.to_owned();
            let cause =
                Cause::WrongRole { folder: loader.root(), found: name(k.component), wanted: name(component) };
            return Err(cause.in_field(&self.k.file, entry.line(), field));
        }
        let place = self.place.enter(entry);
        Target { context: self.context, loader, k, place }.run(into).map_err(here)
    }

    /// A remote entry whose content was handed in: a file of objects, or a folder.
    fn fetched(
        &self,
        into: &mut Accumulated,
        entry: &Text,
        remote: &Remote,
        field: &str,
    ) -> Result<(), BuildError> {
        let wrap = |c: Cause| c.in_field(&self.k.file, entry.line(), field);
        let (folder, name) = remote.path.rsplit_once('/').unwrap_or(("", &remote.path));
        if let Ok(loader) = Loader::new(&*remote.tree, folder, false, None, entry)
            && let Ok(file) = loader.load(name)
        {
            let objects = self.context.inputs.documents.objects(&file);
            let mut objects = Result::clone(&objects)?;
            if self.context.inputs.steps {
                for object in &mut objects {
                    object.step(&By::file(object), Vec::new());
                }
            }
            return into.objects.append_all(objects).map_err(wrap);
        }
        let made = self.elsewhere(Accumulated::default(), entry, remote, field, false)?;
        into.merge(made, &self.k.file, entry, field)
    }

    fn elsewhere(
        &self,
        into: Accumulated,
        entry: &Text,
        remote: &Remote,
        field: &str,
        component: bool,
    ) -> Result<Accumulated, BuildError> {
        let loader = Loader::new(&*remote.tree, &remote.path, true, None, entry)
            .map_err(|c| c.in_field(&self.k.file, entry.line(), field))?;
        self.enter(loader, entry, field, into, component)
    }

    /// Field specs: the defaults, `configurations`, `crds`, laid over what the resources brought.
    fn configure(&self, into: &mut Accumulated) -> Result<(), BuildError> {
        let wrap = |c: Cause| c.in_field(&self.k.file, 0, "configurations");
        let limits = self.context.inputs.documents.limits();
        let mut own = self.context.defaults.clone();
        if !self.k.configurations.is_empty() {
            let mut more = Config::default();
            for entry in &self.k.configurations {
                let file = self
                    .loader
                    .load(entry)
                    .map_err(|c| c.in_field(&self.k.file, entry.line(), "configurations"))?;
                more = more.joined(&Config::read(&file.bytes, &file.path, limits)?).map_err(wrap)?;
            }
            own = Arc::new(Config::default().joined(&own.joined(&more).map_err(wrap)?).map_err(wrap)?);
        }
        let mut config = merged(into.config.take(), &own).map_err(wrap)?;
        for entry in &self.k.crds {
            let file = self.loader.load(entry).map_err(|c| c.in_field(&self.k.file, entry.line(), "crds"))?;
            let read = Arc::new(crds::read(&file.bytes, &file.path, limits)?);
            config =
                merged(Some(config), &read).map_err(|c| c.in_field(&self.k.file, entry.line(), "crds"))?;
        }
        into.config = Some(config);
        Ok(())
    }

    fn generate(&self, into: &mut Accumulated) -> Result<(), BuildError> {
        let lists = [
            (&self.k.config_maps, Product::ConfigMap, "ConfigMapGenerator"),
            (&self.k.secrets, Product::Secret, "SecretGenerator"),
        ];
        // All are configured before the first one is absorbed, as upstream does.
        let mut made = Vec::new();
        for (entries, product, kind) in lists {
            for (index, generator) in entries.iter().enumerate() {
                let mut object = generate(self.context, &self.loader, self.k, generator, product)?;
                if self.context.traced {
                    trace::born(&mut object, &self.place.builtin(self.k, kind));
                }
                if self.context.inputs.steps {
                    let (line, name) = (object.origin.line, format!("{}[{index}]", product.field()));
                    let because = defaults(&object.body, generator);
                    object.step(&By::entry(kind, self.k, name, line), because);
                }
                made.push(object);
            }
        }
        for chart in &self.k.charts {
            let cause = Cause::Helm(chart.to_string());
            self.context.omit(chart, cause.in_field(&self.k.file, chart.line(), "helmCharts"))?;
        }
        made.extend(plugins::generate(self)?);
        for object in made {
            let (line, field) = (object.origin.line, "configMapGenerator");
            into.objects.absorb(object).map_err(|c| c.in_field(&self.k.file, line, field))?;
        }
        Ok(())
    }
}
