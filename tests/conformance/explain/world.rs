//! What is rendered with its steps: a folder with a kustomization, or an environment of Flux.

use sealane::model::{ContentId, Environment, Manifest, Overlay, Tree};
use sealane::render::kustomize::{self, BuildOptions};
use sealane::render::{Caches, Inputs, discover, render_environment};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// One repository.
pub struct Repository {
    pub name: String,
    pub tree: Arc<dyn Tree>,
    pub caches: Caches,
}

/// What of it is rendered.
#[derive(Clone)]
pub enum Root {
    /// A folder, as `kustomize build` takes it; false if it may read files from everywhere.
    Folder(String, bool),
    /// An environment.
    Environment(Environment),
}

impl Repository {
    pub fn new(name: &str, tree: Arc<dyn Tree>) -> Self {
        Self { name: name.to_owned(), tree, caches: Caches::default() }
    }

    /// The environments that discovery finds.
    pub fn environments(&self) -> Vec<Root> {
        let found = discover(&*self.tree, &self.caches.surveys, &[]).expect("the tree can be read");
        found.environments.into_iter().map(Root::Environment).collect()
    }

    /// The objects with their steps; of an environment those that could be made.
    pub fn render(&self, tree: &dyn Tree, root: &Root) -> Result<Vec<Arc<Manifest>>, String> {
        match root {
            Root::Folder(folder, confined) => {
                let documents = &self.caches.documents;
                let inputs = kustomize::Inputs { steps: true, ..kustomize::Inputs::new(documents) };
                let options = BuildOptions { confined: *confined, ..BuildOptions::default() };
                let built = kustomize::build(tree, folder, &options, &inputs);
                built
                    .map(|built| built.objects.into_iter().map(Arc::new).collect())
                    .map_err(|error| error.problem().to_string())
            }
            Root::Environment(environment) => {
                let inputs = Inputs { steps: true, ..Inputs::new(&self.caches) };
                let rendered = render_environment(tree, environment, &inputs);
                Ok(rendered.objects().map(|(_, manifest)| manifest.clone()).collect())
            }
        }
    }

    /// The tree with one file changed.
    pub fn with(&self, file: &str, bytes: Vec<u8>) -> Overlay {
        Overlay::new(self.tree.clone(), [(file.to_owned(), Some(bytes.into()))], id_of)
    }

    /// The bytes of a file.
    pub fn bytes(&self, file: &str) -> Option<Arc<[u8]>> {
        let entry = self.tree.entry(file).ok()??;
        self.tree.read(entry.id).ok()
    }
}

fn id_of(bytes: &[u8]) -> ContentId {
    let mut id = [0; 20];
    id.copy_from_slice(&Sha256::digest(bytes)[..20]);
    ContentId(id)
}
