//! An API server that is set up when it is asked for the first time: requests wait until it stands, so that the demo's
//! repository can be looked at before its clusters are there.

use super::apiserver::{Answer, ApiServer};
use http::Request;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Notify, watch};
use tower::{BoxError, Service};

/// What is known of a server: nothing yet, or that it stands, or why it never will.
pub(super) type Standing = Option<Result<ApiServer, Arc<str>>>;

/// A server that may not stand yet.
#[derive(Clone)]
pub(super) struct Starting {
    standing: watch::Receiver<Standing>,
    asked: Arc<Notify>,
}

impl Starting {
    /// A server, whoever sets it up once `asked` is notified, and where that is said.
    pub(super) fn new() -> (Self, Arc<Notify>, watch::Sender<Standing>) {
        let (sender, standing) = watch::channel(None);
        let asked = Arc::new(Notify::new());
        (Self { standing, asked: asked.clone() }, asked, sender)
    }

    /// Has the server set up if nobody asked before, and waits until it stands.
    pub(super) async fn server(mut self) -> Result<ApiServer, Arc<str>> {
        self.asked.notify_one();
        let standing = self.standing.wait_for(Option::is_some).await;
        let standing = standing.map(|s| s.clone()).ok().flatten();
        standing.unwrap_or_else(|| Err("the demo ended before its cluster stood".into()))
    }
}

impl<B> Service<Request<B>> for Starting
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let starting = self.clone();
        Box::pin(async move {
            let mut server = starting.server().await.map_err(|cause| BoxError::from(cause.to_string()))?;
            Ok(server.call(request).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::apiserver::Store;
    use http_body_util::Empty;

    fn ask() -> Request<Empty<bytes::Bytes>> {
        Request::get("/version").body(Empty::new()).expect("a request")
    }

    #[tokio::test]
    async fn a_request_has_the_server_set_up_and_waits_for_it() {
        let (mut starting, asked, sender) = Starting::new();
        let answer = tokio::spawn(starting.call(ask()));
        asked.notified().await;
        assert!(!answer.is_finished());
        let server = ApiServer::new(Arc::new(Store::default()));
        sender.send(Some(Ok(server))).expect("somebody waits");
        assert!(answer.await.expect("no panic").expect("an answer").status().is_success());
    }

    #[tokio::test]
    async fn a_server_that_never_stands_is_an_error_with_its_cause() {
        let (mut starting, _asked, sender) = Starting::new();
        sender.send(Some(Err("no commits".into()))).expect("somebody listens");
        let error = starting.call(ask()).await.expect_err("refused");
        assert_eq!(error.to_string(), "no commits");
        let (mut starting, _asked, sender) = Starting::new();
        drop(sender);
        let error = starting.call(ask()).await.expect_err("refused");
        assert_eq!(error.to_string(), "the demo ended before its cluster stood");
    }
}
