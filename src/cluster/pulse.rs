//! The pulse: silent watches look the same on a quiet cluster and on a dead connection, so the server is asked now and then.

use super::connect::Connection;
use super::error::ClusterError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// What the watches share with the pulse.
#[derive(Clone)]
pub(super) struct Pulse {
    heard: Arc<AtomicBool>,
    lost: watch::Receiver<Option<ClusterError>>,
}

impl Pulse {
    /// The pulse of a connection, and the task that takes it.
    pub(super) fn new(connection: Connection) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (tell, lost) = watch::channel(None);
        let heard = Arc::new(AtomicBool::new(true));
        (Self { heard: heard.clone(), lost }, beat(connection, heard, tell))
    }

    /// Something arrived: no need to ask.
    pub(super) fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// What was lost before does not count any more.
    pub(super) fn settle(&mut self) {
        self.lost.borrow_and_update();
    }

    /// Waits until the server no longer answers; says why.
    pub(super) async fn lost(&mut self) -> ClusterError {
        loop {
            if self.lost.changed().await.is_err() {
                // The task is gone because all watches are: nobody is left to tell.
                std::future::pending::<()>().await;
            }
            if let Some(cause) = self.lost.borrow_and_update().clone() {
                return cause;
            }
        }
    }
}

async fn beat(connection: Connection, heard: Arc<AtomicBool>, tell: watch::Sender<Option<ClusterError>>) {
    loop {
        tokio::time::sleep(connection.patience.pulse).await;
        if heard.swap(false, Ordering::Relaxed) {
            continue;
        }
        // Any answer is a sign of life, a refusal too.
        let Err(cause) = connection.version().await else { continue };
        let silent = matches!(
            cause,
            ClusterError::Slow { .. } | ClusterError::Unreachable { .. } | ClusterError::Broken { .. }
        );
        if silent && tell.send(Some(cause)).is_err() {
            return;
        }
    }
}
