//! `Demo`: the repository, its clusters and their controllers, in a temporary folder that goes with it.

use super::reconciler::DemoCluster;
use super::repository::{DemoRepository, RepositoryError};
use crate::cluster::Connection;
use crate::git::GitError;
use crate::seal::KeySources;
use crate::workspace::Settings;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The operator's identity. It guards nothing.
pub const OPERATOR: &str = include_str!("../../keys/demo-ops.agekey");
/// The identities of the clusters. They guard nothing.
const CLUSTERS: [(&str, &str); 3] = [
    ("dev", include_str!("../../keys/demo-flux-dev.agekey")),
    ("staging", include_str!("../../keys/demo-flux-staging.agekey")),
    ("prod", include_str!("../../keys/demo-flux-prod.agekey")),
];
/// How often the controllers work.
const TURN: Duration = Duration::from_millis(400);

/// Why the demo could not be started.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No temporary folder could be made.
    #[error("no temporary folder could be made: {0}")]
    Folder(#[from] std::io::Error),
    /// The repository could not be made.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The repository could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A running demo. Dropping it ends its controllers and removes its folder.
pub struct Demo {
    /// The repositories.
    pub repository: DemoRepository,
    clusters: Arc<Mutex<Vec<DemoCluster>>>,
    connections: BTreeMap<Arc<str>, Connection>,
    worker: tokio::task::JoinHandle<()>,
    folder: TempDir,
}

impl Demo {
    /// Makes everything and starts the controllers. Must be called inside a tokio runtime.
    pub fn start() -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new().prefix("sealane-demo-").tempdir()?;
        let repository = DemoRepository::create(folder.path())?;
        let clusters = std::thread::scope(|scope| {
            let origin = &repository.origin;
            let started =
                CLUSTERS.map(|(name, key)| scope.spawn(move || DemoCluster::with_past(name, origin, key)));
            started.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let clusters = clusters.into_iter().collect::<Result<Vec<_>, _>>()?;
        let connections = clusters.iter().map(|c| (Arc::from(c.name()), c.connection())).collect();
        let clusters = Arc::new(Mutex::new(clusters));
        let working = clusters.clone();
        let worker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TURN).await;
                let clusters = working.clone();
                let turn = tokio::task::spawn_blocking(move || {
                    clusters
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .iter_mut()
                        .for_each(DemoCluster::step);
                });
                if turn.await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { repository, clusters, connections, worker, folder })
    }

    /// How a workspace on the demo is opened: its clone, its clusters, the operator's identity.
    pub fn settings(&self) -> Settings {
        Settings {
            path: self.repository.clone.clone(),
            connections: self.connections.clone(),
            keys: KeySources { inline: Some(Zeroizing::new(OPERATOR.to_owned())), ..KeySources::default() },
            state: Some(self.folder.path().join("state")),
            ..Settings::default()
        }
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The API servers, by name.
    pub fn servers(&self) -> Vec<(&'static str, super::apiserver::ApiServer)> {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.iter().map(|c| (c.name(), c.server())).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.worker.abort();
    }
}
