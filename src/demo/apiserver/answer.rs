//! Answers: bodies, the Status of Kubernetes, and which form of an answer the client asked for.

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::{Value, json};
use std::convert::Infallible;

/// The body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;
/// An answer.
pub type Answer = Response<AnswerBody>;

/// The media type of aggregated discovery (KEP-3352).
pub(super) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// In which form objects are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Whole,
    /// `as=PartialObjectMetadata` and its list.
    Metadata,
    /// `as=Table`.
    Table,
    /// `as=APIGroupDiscoveryList`.
    Discovery,
}

/// The first form of `Accept` that is served (`apiserver/pkg/endpoints/handlers/negotiation`). `None` if there is none.
pub(super) fn form(accept: Option<&HeaderValue>) -> Option<Form> {
    let accept = accept.and_then(|a| a.to_str().ok()).unwrap_or("*/*");
    accept.split(',').find_map(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let media = parts.next()?;
        if !matches!(media, "application/json" | "*/*" | "application/*" | "") {
            return None;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|p| p.split_once('=')).collect();
        let value = |name: &str| parameters.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        match (value("as"), value("g"), value("v")) {
            (None, ..) => Some(Form::Whole),
            (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Table),
            (
                Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                Some("meta.k8s.io"),
                Some("v1"),
            ) => Some(Form::Metadata),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(Form::Discovery),
            _ => None,
        }
    })
}

fn answer(status: StatusCode, media: &'static str, body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    let date = jiff::fmt::rfc2822::to_string(&jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC));
    let date = date.ok().map(|d| d.replace("+0000", "GMT"));
    if let Some(date) = date.and_then(|d| HeaderValue::from_str(&d).ok()) {
        headers.insert(header::DATE, date);
    }
    answer
}

/// JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    let mut text = value.to_string();
    text.push('\n');
    answer(status, "application/json", Full::new(Bytes::from(text)).boxed_unsync())
}

/// JSON of aggregated discovery, which names its form in the media type.
pub(super) fn discovery(value: &Value) -> Answer {
    answer(StatusCode::OK, DISCOVERY, Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

/// Text.
pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Answer {
    answer(status, "text/plain; charset=utf-8", Full::new(Bytes::from(text.into())).boxed_unsync())
}

/// An answer that arrives bit by bit.
pub(super) fn stream(media: &'static str, parts: impl Stream<Item = String> + Send + 'static) -> Answer {
    let frames = futures::StreamExt::map(parts, |part| Ok(Frame::data(Bytes::from(part))));
    answer(StatusCode::OK, media, StreamBody::new(frames).boxed_unsync())
}

/// Nothing but a code.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = text(status, "");
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
}

/// A failure as Kubernetes tells it.
pub(super) fn failure(code: StatusCode, reason: &str, message: &str, details: Value) -> Answer {
    json(code, &status(code, reason, message, details))
}

/// The Status itself.
pub(super) fn status(code: StatusCode, reason: &str, message: &str, details: Value) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16()});
    if !details.is_null() {
        status["details"] = details;
    }
    status
}

/// The one answer to everything that would write.
pub(super) fn not_allowed() -> Answer {
    let message = "the server does not allow this method on the requested resource";
    failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, json!({}))
}

/// A path that leads nowhere.
pub(super) fn no_page() -> Answer {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// A resource type that is not served.
pub(super) fn no_resource() -> Answer {
    let message = "the server could not find the requested resource";
    failure(StatusCode::NOT_FOUND, "NotFound", message, json!({}))
}

/// A question that makes no sense.
pub(super) fn bad_request(message: &str) -> Answer {
    failure(StatusCode::BAD_REQUEST, "BadRequest", message, Value::Null)
}

/// The version that is asked for is no longer known.
pub(super) fn gone(message: &str) -> Value {
    status(StatusCode::GONE, "Expired", message, Value::Null)
}
