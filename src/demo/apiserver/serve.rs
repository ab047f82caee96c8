//! Serving on a port of this machine, for `demo --serve`: kubectl and Sealane itself can look at the demo from outside.

use super::route::ApiServer;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A server on a port. Dropping it closes the port and all its connections.
pub struct Served {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl ApiServer {
    /// Serves on the loopback address; port 0 takes any free one.
    pub async fn serve(&self, port: u16) -> std::io::Result<Served> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let server = self.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // Connections are children of this task and end with it.
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((stream, _)) = listener.accept().await else { continue };
                let service = TowerToHyperService::new(server.clone());
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                        tracing::debug!(%error, "a connection to the demo's API server ended");
                    }
                });
            }
        });
        Ok(Served { address, _tasks: tasks })
    }
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig with one context of this name.
    pub fn kubeconfig(&self, context: &str) -> String {
        let name = serde_json::Value::String(context.to_owned());
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\nclusters:\n- name: {name}\n  cluster:\n    server: http://{}\n\
             contexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n    namespace: default\n\
             users:\n- name: {name}\n  user: {{}}\n",
            self.address
        )
    }
}
