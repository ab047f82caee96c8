//! Requests: raw bytes in, with patience, and errors that say what happened. kube never sees, and so never logs, a body.

use super::Body;
use super::connect::Connection;
use super::error::ClusterError;
use crate::model::clean;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use std::time::Duration;
use zeroize::{Zeroize as _, Zeroizing};

/// An answer larger than this is not read: 500 objects of etcd's limit of 1.5 MiB stay below.
const LARGEST: usize = 1 << 30;
/// The longest line of a watch; an object has at most a few MiB.
const LONGEST_LINE: usize = 64 << 20;
/// How often a read is sent again when the server is busy.
const RETRIES: u32 = 3;

/// How an answer is asked for.
pub(super) mod accept {
    /// Whole objects.
    pub(in crate::cluster) const JSON: &str = "application/json";
    /// Only metadata of a list's objects.
    pub(in crate::cluster) const METADATA_LIST: &str =
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    /// Only metadata of one object, and of the events of a watch.
    pub(in crate::cluster) const METADATA: &str =
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    /// Aggregated discovery (KEP-3352), with what older servers understand behind it.
    pub(in crate::cluster) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
         application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    /// Text of a log.
    pub(in crate::cluster) const ANY: &str = "*/*";
}

impl Connection {
    /// Reads a whole answer. The buffer is wiped when it is dropped.
    pub(super) async fn fetch(&self, path: &str, accept: &str) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let mut pause = Duration::from_millis(200);
        for _ in 1..RETRIES {
            match self.fetch_once(path, accept).await {
                Err(ClusterError::Answer { code: 429 | 503 | 504, .. }) => tokio::time::sleep(pause).await,
                other => return other,
            }
            pause *= 3;
        }
        self.fetch_once(path, accept).await
    }

    async fn fetch_once(&self, path: &str, accept: &str) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let answer = self.send(request("GET", path, accept, Vec::new())?).await?;
        self.collect(answer).await
    }

    /// Asks an access review; the guard lets no other POST through.
    pub(super) async fn ask(
        &self,
        path: &str,
        question: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let mut request = request("POST", path, accept::JSON, question)?;
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        let answer = self.send(request).await?;
        self.collect(answer).await
    }

    /// Opens an answer that arrives line by line: a watch, a log that is followed. `idle` is how long it may be silent.
    pub(super) async fn open(&self, path: &str, accept: &str, idle: Duration) -> Result<Lines, ClusterError> {
        let mut request = request("GET", path, accept, Vec::new())?;
        // From 1.37 on servers compress each event of a watch on its own.
        request.headers_mut().insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
        let answer = self.send(request).await?;
        Ok(Lines::new(answer.into_body(), idle, &self.server))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, ClusterError> {
        let slow = || ClusterError::Slow {
            server: self.server.to_string(),
            what: "answer",
            after: self.patience.answer,
        };
        let answer = tokio::time::timeout(self.patience.answer, self.client.send(request))
            .await
            .map_err(|_| slow())?;
        let answer = answer.map_err(|error| ClusterError::from_client(&error, &self.server))?;
        self.note_date(answer.headers());
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.collect(answer).await.unwrap_or_default();
        Err(self.failure(status, &headers, &body))
    }

    async fn collect(&self, answer: Response<Body>) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let length = answer.headers().get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse().ok());
        let mut body = answer.into_body();
        let mut whole = Wiped::with_capacity(length.unwrap_or(16 << 10).min(LARGEST));
        while let Some(part) = next_part(&mut body, self.patience.idle, &self.server).await? {
            if whole.0.len() + part.len() > LARGEST {
                return Err(ClusterError::Malformed {
                    server: self.server.to_string(),
                    what: "an answer".to_owned(),
                    cause: format!("it has more than {} MiB", LARGEST >> 20),
                });
            }
            whole.push(&part);
            wipe(part);
        }
        Ok(whole.0)
    }

    /// An answer that is no success, told by its Status (`meta/v1`), or by its code if it has none.
    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ClusterError {
        self.told(status, serde_json::from_slice::<Status>(body).unwrap_or_default(), headers)
    }

    /// What a Status tells: the body of an answer, or the object of a watch's ERROR event.
    pub(super) fn told(&self, status: StatusCode, said: Status, headers: &HeaderMap) -> ClusterError {
        let message = match &said.message {
            Some(message) if !message.is_empty() => clean(message),
            _ => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        let server = self.server.to_string();
        match status.as_u16() {
            401 => ClusterError::Unauthorized { server, skew: self.large_skew() },
            403 => ClusterError::Forbidden { message },
            // An object that is missing is named; a type that is missing is not.
            404 if said.details.is_some_and(|d| d.name.is_some()) => ClusterError::NotFound { message },
            404 => ClusterError::NotServed { kind: "that kind".to_owned(), versions: Vec::new() },
            410 => ClusterError::Gone,
            code => {
                tracing::debug!(code, retry_after = ?headers.get(header::RETRY_AFTER), "no success");
                ClusterError::Answer { server, code, message }
            }
        }
    }

    /// What to say about an answer that cannot be decoded, without quoting it.
    pub(super) fn malformed(&self, what: &str, error: &serde_json::Error) -> ClusterError {
        let kind = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
            serde_json::error::Category::Data => "it has another shape",
        };
        ClusterError::Malformed {
            server: self.server.to_string(),
            what: clean(what),
            cause: format!("{kind} (line {}, column {})", error.line(), error.column()),
        }
    }
}

/// `meta/v1` Status, as far as it is read.
#[derive(Default, serde::Deserialize)]
pub(super) struct Status {
    pub(super) code: Option<u16>,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(serde::Deserialize)]
struct Details {
    name: Option<String>,
}

fn request(method: &str, path: &str, accept: &str, body: Vec<u8>) -> Result<Request<Body>, ClusterError> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, accept)
        .header(header::USER_AGENT, concat!("sealane/", env!("CARGO_PKG_VERSION")))
        .body(Body::from(body))
        .map_err(|_| ClusterError::NotServed {
            kind: format!("what {} names", clean(path)),
            versions: Vec::new(),
        })
}

async fn next_part(body: &mut Body, idle: Duration, server: &str) -> Result<Option<Bytes>, ClusterError> {
    loop {
        let frame = tokio::time::timeout(idle, body.frame()).await.map_err(|_| ClusterError::Slow {
            server: server.to_owned(),
            what: "go on with its answer",
            after: idle,
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(match ClusterError::from_client(&error, server) {
                    ClusterError::Slow { .. } | ClusterError::Unreachable { .. } => {
                        ClusterError::Broken { server: server.to_owned(), cause: "it timed out".to_owned() }
                    }
                    other => other,
                });
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Wipes a part of an answer where nobody else holds its memory. What TLS and the socket buffered is out of reach.
fn wipe(part: Bytes) {
    if let Ok(mut own) = part.try_into_mut() {
        own.as_mut().zeroize();
    }
}

/// A buffer that leaves no copy behind when it grows.
struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    fn push(&mut self, more: &[u8]) {
        if self.0.len() + more.len() > self.0.capacity() {
            let mut grown = Vec::with_capacity((self.0.len() + more.len()) * 2);
            grown.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(grown);
        }
        self.0.extend_from_slice(more);
    }
}

/// An answer, line by line. Lines are wiped when they are dropped.
pub(super) struct Lines {
    body: Body,
    held: Wiped,
    /// Where the next line starts.
    start: usize,
    /// Up to where no line end was found.
    searched: usize,
    idle: Duration,
    ended: bool,
    server: String,
}

impl Lines {
    fn new(body: Body, idle: Duration, server: &str) -> Self {
        let held = Wiped::with_capacity(8 << 10);
        Self { body, held, start: 0, searched: 0, idle, ended: false, server: server.to_owned() }
    }

    /// The next line without its end; `None` when the answer is over.
    pub(super) async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, ClusterError> {
        loop {
            let held = &self.held.0;
            if let Some(end) = held[self.searched..].iter().position(|b| *b == b'\n') {
                let line = Zeroizing::new(held[self.start..self.searched + end].to_vec());
                self.start = self.searched + end + 1;
                self.searched = self.start;
                return Ok(Some(line));
            }
            if self.ended {
                let rest = Zeroizing::new(held[self.start..].to_vec());
                self.start = held.len();
                self.searched = self.start;
                return Ok((!rest.is_empty()).then_some(rest));
            }
            self.searched = held.len();
            match next_part(&mut self.body, self.idle, &self.server).await? {
                Some(part) => self.hold(part)?,
                None => self.ended = true,
            }
        }
    }

    fn hold(&mut self, part: Bytes) -> Result<(), ClusterError> {
        if self.start > 0 {
            let mut rest = Wiped::with_capacity((self.held.0.len() - self.start + part.len()).max(8 << 10));
            rest.push(&self.held.0[self.start..]);
            self.searched -= self.start;
            self.start = 0;
            self.held = rest;
        }
        if self.held.0.len() + part.len() > LONGEST_LINE {
            return Err(ClusterError::Malformed {
                server: self.server.clone(),
                what: "a stream".to_owned(),
                cause: format!("a line has more than {} MiB", LONGEST_LINE >> 20),
            });
        }
        self.held.push(&part);
        wipe(part);
        Ok(())
    }
}
