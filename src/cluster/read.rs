//! `Reader`: single objects of one cluster, read at the version that git writes.

use super::connect::Connection;
use super::discover::Discovered;
use super::error::ClusterError;
use super::object::{Asked, Decoder};
use super::path;
use super::request::accept;
use crate::model::{KindInfo, Live, ObjectKey, Scopes};
use crate::secret::DigestKey;
use futures::{StreamExt as _, stream};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Reads in flight at a time.
const IN_FLIGHT: usize = 8;

/// What reads one cluster: the connection, what the server serves, and the session's digest key.
#[derive(Clone)]
pub struct Reader {
    connection: Connection,
    scopes: Arc<Scopes>,
    digests: Arc<DigestKey>,
    watches_secrets: bool,
}

impl Reader {
    /// A reader. Secrets are read by name only; see [`Reader::watching_secrets`].
    pub fn new(connection: Connection, scopes: Arc<Scopes>, digests: Arc<DigestKey>) -> Self {
        Self { connection, scopes, digests, watches_secrets: false }
    }

    /// Connects the two first steps: discovers, and reads with what was found.
    pub async fn open(
        connection: Connection,
        digests: Arc<DigestKey>,
    ) -> Result<(Self, Discovered), ClusterError> {
        let found = connection.discover().await?;
        Ok((Self::new(connection, Arc::new(found.scopes.clone()), digests), found))
    }

    /// The same reader, which also watches the metadata of Secrets. Only if the user asked for it: to Kubernetes
    /// the right to list Secrets' metadata is the right to read all values (diff.md 2.12.5).
    #[must_use]
    pub fn watching_secrets(mut self) -> Self {
        self.watches_secrets = true;
        self
    }

    /// The same reader with newer knowledge of what is served.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Arc<Scopes>) -> Self {
        self.scopes = scopes;
        self
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What the server serves.
    pub fn scopes(&self) -> &Arc<Scopes> {
        &self.scopes
    }

    pub(super) fn watches_secrets(&self) -> bool {
        self.watches_secrets
    }

    pub(super) fn decoder(&self) -> Decoder {
        Decoder::new(self.digests.clone())
    }

    /// Reads one object at `version`, which the server converts to (diff.md 2.3). `None` if it does not exist.
    pub async fn get(&self, key: &ObjectKey, version: &str) -> Result<Option<Live>, ClusterError> {
        self.get_as(key, version, true).await
    }

    /// Reads the metadata of one object.
    pub async fn get_metadata(&self, key: &ObjectKey, version: &str) -> Result<Option<Live>, ClusterError> {
        self.get_as(key, version, false).await
    }

    /// Reads several objects, a few at a time, in the order of `wanted`.
    pub async fn get_many(
        &self,
        wanted: &[(ObjectKey, Arc<str>)],
    ) -> Vec<(ObjectKey, Result<Option<Live>, ClusterError>)> {
        // Each read owns what it needs, so that the whole can be spawned.
        let wanted: Vec<(ObjectKey, Arc<str>)> = wanted.to_vec();
        let reads = wanted.into_iter().map(|(key, version)| {
            let reader = self.clone();
            async move {
                let found = reader.get(&key, &version).await;
                (key, found)
            }
        });
        stream::iter(reads).buffered(IN_FLIGHT).collect().await
    }

    async fn get_as(
        &self,
        key: &ObjectKey,
        version: &str,
        whole: bool,
    ) -> Result<Option<Live>, ClusterError> {
        let accept = if whole { accept::JSON } else { accept::METADATA };
        let Some(answer) = self.fetch(key, version, accept).await? else { return Ok(None) };
        let asked =
            Asked { group: key.group.clone(), kind: key.kind.clone(), version: version.into(), whole };
        let live = self.decoder().decode(&answer, &asked);
        live.map(Some).map_err(|error| self.connection.malformed(&key.to_string(), &error))
    }

    /// The bytes of one object; `None` if it does not exist.
    pub(super) async fn fetch(
        &self,
        key: &ObjectKey,
        version: &str,
        accept: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, ClusterError> {
        let info = self.served(key, version)?;
        let namespace = if key.namespace.is_empty() { &self.connection.namespace } else { &key.namespace };
        let path = match path::of(info, &key.group, version, namespace, Some(&key.name)) {
            Ok(path) => path,
            Err(ClusterError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.connection.fetch(&path, accept).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ClusterError::NotFound { .. }) => Ok(None),
            Err(ClusterError::NotServed { .. }) => Err(not_served(key, version, None)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn served(&self, key: &ObjectKey, version: &str) -> Result<&KindInfo, ClusterError> {
        let info = self.scopes.get(&key.group, &key.kind);
        info.filter(|info| info.versions.iter().any(|v| **v == *version))
            .ok_or_else(|| not_served(key, version, info))
    }
}

fn not_served(key: &ObjectKey, version: &str, info: Option<&KindInfo>) -> ClusterError {
    let kind = if key.group.is_empty() {
        format!("{}.{version}", key.kind)
    } else {
        format!("{}.{version}.{}", key.kind, key.group)
    };
    let versions = info.map(|i| i.versions.iter().map(|v| crate::model::clean(v)).collect());
    ClusterError::NotServed { kind: crate::model::clean(&kind), versions: versions.unwrap_or_default() }
}
