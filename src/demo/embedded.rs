//! `Demo`: the repository, its clusters and their controllers, in a temporary folder that goes with it.

use super::apiserver::ApiServer;
use super::reconciler::DemoCluster;
use super::repository::{DemoRepository, RepositoryError};
use super::starting::{Standing, Starting};
use crate::cluster::Connection;
use crate::seal::KeySources;
use crate::workspace::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
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
    /// A cluster could not be set up.
    #[error("the cluster {name} could not be set up: {cause}")]
    Cluster {
        /// Its name.
        name: &'static str,
        /// Why.
        cause: Arc<str>,
    },
}

/// A running demo. Dropping it ends its controllers and removes its folder.
pub struct Demo {
    /// The repositories.
    pub repository: DemoRepository,
    clusters: Vec<(&'static str, Starting)>,
    ended: CancellationToken,
    folder: TempDir,
}

impl Demo {
    /// Makes the repository. Each cluster is set up when it is asked for the first time, and whoever asks waits for it.
    /// Must be called inside a tokio runtime.
    pub fn start() -> Result<Self, DemoError> {
        let folder = folder()?;
        let repository = DemoRepository::create(folder.path())?;
        let ended = CancellationToken::new();
        let clusters = CLUSTERS
            .map(|(name, key)| {
                let (starting, asked, standing) = Starting::new();
                let (origin, ended) = (repository.origin.clone(), ended.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = asked.notified() => run(name, key, origin, standing, ended).await,
                        () = ended.cancelled() => {}
                    }
                });
                (name, starting)
            })
            .into();
        Ok(Self { repository, clusters, ended, folder })
    }

    /// How a workspace on the demo is opened: its clone, its clusters, the operator's identity.
    pub fn settings(&self) -> Settings {
        Settings {
            path: self.repository.clone.clone(),
            connections: self.connections(),
            keys: KeySources { inline: Some(Zeroizing::new(OPERATOR.to_owned())), ..KeySources::default() },
            state: Some(self.folder.path().join("state")),
            ..Settings::default()
        }
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn connections(&self) -> BTreeMap<Arc<str>, Connection> {
        let connection = |(name, starting): &(&'static str, Starting)| {
            (Arc::from(*name), Connection::from_service(starting.clone(), &format!("demo-{name}")))
        };
        self.clusters.iter().map(connection).collect()
    }

    /// The API servers, by name, once they stand.
    pub async fn servers(&self) -> Result<Vec<(&'static str, ApiServer)>, DemoError> {
        let mut servers = Vec::new();
        for (name, starting) in &self.clusters {
            let server = starting.clone().server().await;
            servers.push((*name, server.map_err(|cause| DemoError::Cluster { name, cause })?));
        }
        Ok(servers)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// A folder in memory, where the system has such a place: nothing of the demo is worth a disk, and a disk is slow at
/// many small files. `TMPDIR` overrules.
fn folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sealane-demo-");
    if std::env::var_os("TMPDIR").is_none() {
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        for place in own.into_iter().chain([PathBuf::from("/dev/shm")]).filter(|p| p.is_absolute()) {
            if let Ok(folder) = builder.tempdir_in(place) {
                return Ok(folder);
            }
        }
    }
    builder.tempdir()
}

/// Sets a cluster up, says that it stands, and lets its controllers work until the demo ends.
async fn run(
    name: &'static str,
    key: &'static str,
    origin: PathBuf,
    standing: watch::Sender<Standing>,
    ended: CancellationToken,
) {
    let made = tokio::task::spawn_blocking(move || DemoCluster::with_past(name, &origin, key)).await;
    let mut cluster = match made {
        Ok(Ok(cluster)) => cluster,
        Ok(Err(error)) => return drop(standing.send(Some(Err(error.to_string().into())))),
        // It panicked, which was reported; whoever waits hears that nothing comes.
        Err(_) => return,
    };
    standing.send_replace(Some(Ok(cluster.server())));
    loop {
        tokio::select! {
            () = tokio::time::sleep(TURN) => {}
            () = ended.cancelled() => return,
        }
        if !cluster.has_work() {
            continue;
        }
        let turn = tokio::task::spawn_blocking(move || {
            cluster.step();
            cluster
        });
        match turn.await {
            Ok(after) => cluster = after,
            Err(_) => return,
        }
    }
}
