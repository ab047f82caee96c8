//! Requests to answers: the HTTP side, which only reads.

use super::access::Access;
use super::answer::{self, Answer, AnswerBody, Form};
use super::follow;
use super::list::{self, Target, shown};
use super::select::{Query, decode};
use super::store::{Inner, Store};
use super::{discovery, shapes};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// The largest question of an access review.
const QUESTION: usize = 64 << 10;

/// The server: a tower service that answers as a Kubernetes API server does, and changes nothing.
#[derive(Clone)]
pub struct ApiServer {
    store: Arc<Store>,
    access: Arc<Access>,
}

impl ApiServer {
    /// Serves a store to everybody who can reach it.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, access: Arc::new(Access::default()) }
    }

    /// Serves a store under rules.
    pub fn with_access(store: Arc<Store>, access: Access) -> Self {
        Self { store, access: Arc::new(access) }
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

impl<B> Service<Request<B>> for ApiServer
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            if !server.access.knows(head.headers.get(header::AUTHORIZATION)) {
                return Ok(answer::failure(
                    StatusCode::UNAUTHORIZED,
                    "Unauthorized",
                    "Unauthorized",
                    Value::Null,
                ));
            }
            let path = head.uri.path().to_owned();
            let parts: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let json = head
                .headers
                .get(header::CONTENT_TYPE)
                .is_none_or(|t| t.as_bytes().starts_with(b"application/json"));
            if let (&Method::POST, ["apis", discovery::REVIEW_GROUP, "v1", plural]) =
                (&head.method, parts.as_slice())
                && plural.starts_with("selfsubject")
            {
                if !json {
                    return Ok(no_media_type());
                }
                let Ok(question) = Limited::new(body, QUESTION).collect().await else {
                    return Ok(answer::bad_request("the body of the request cannot be read"));
                };
                return Ok(server.access.review(plural, &question.to_bytes()));
            }
            if head.method != Method::GET {
                return Ok(answer::not_allowed());
            }
            Ok(server.get(&parts, Query::read(head.uri.query()), &head.headers))
        })
    }
}

impl ApiServer {
    fn get(&self, parts: &[&str], query: Query, headers: &HeaderMap) -> Answer {
        let Some(form) = answer::form(headers.get(header::ACCEPT)) else {
            let log = parts.last() == Some(&"log");
            return if log { self.resource(parts, query, Form::Whole) } else { not_acceptable() };
        };
        match parts {
            [""] => answer::json(
                StatusCode::OK,
                &json!({"paths": ["/api", "/apis", "/openapi/v3", "/readyz", "/version"]}),
            ),
            ["version"] => answer::json(StatusCode::OK, &version()),
            ["readyz" | "livez" | "healthz"] => answer::text(StatusCode::OK, "ok"),
            ["api"] | ["apis", ..] | ["api", "v1"] if parts.len() <= 3 => self.discover(parts, form),
            ["openapi", "v3", rest @ ..] => self.openapi(rest),
            ["api" | "apis", ..] => self.resource(parts, query, form),
            _ => answer::no_page(),
        }
    }

    fn discover(&self, parts: &[&str], form: Form) -> Answer {
        let inner = self.store.lock();
        let groups = discovery::groups(&inner.kinds);
        let found = match (parts, form) {
            (["api"], Form::Discovery) => return answer::discovery(&discovery::aggregated(&groups, true)),
            (["apis"], Form::Discovery) => return answer::discovery(&discovery::aggregated(&groups, false)),
            (["api"], _) => Some(discovery::core_versions()),
            (["apis"], _) => Some(discovery::group_list(&groups)),
            (["apis", group], _) => groups.get(group).filter(|_| !group.is_empty()).map(|versions| {
                let mut one = discovery::group(group, versions);
                one["kind"] = json!("APIGroup");
                one["apiVersion"] = json!("v1");
                one
            }),
            _ => {
                let (group, version) = if parts[0] == "api" { ("", parts[1]) } else { (parts[1], parts[2]) };
                let kinds = groups.get(group).and_then(|v| v.iter().find(|(v, _)| *v == version));
                kinds.map(|(version, kinds)| discovery::resource_list(group, version, kinds))
            }
        };
        found.map_or_else(answer::no_page, |found| answer::json(StatusCode::OK, &found))
    }

    fn openapi(&self, rest: &[&str]) -> Answer {
        let (group, version) = match rest {
            [] => return self.openapi_index(),
            ["api", version] => ("", *version),
            ["apis", group, version] => (*group, *version),
            _ => return nothing(),
        };
        let inner = self.store.lock();
        match document(&inner, group, version) {
            Some(document) => answer::json(StatusCode::OK, &document),
            None => nothing(),
        }
    }

    /// The index names each document with a hash of its content, so that clients may keep it.
    fn openapi_index(&self) -> Answer {
        let inner = self.store.lock();
        let mut paths = serde_json::Map::new();
        for (group, versions) in discovery::groups(&inner.kinds) {
            for (version, _) in versions {
                let path = if group.is_empty() {
                    format!("api/{version}")
                } else {
                    format!("apis/{group}/{version}")
                };
                let Some(document) = document(&inner, group, version) else { continue };
                let hash = Sha256::digest(document.to_string().as_bytes());
                let hash = super::managed::hex(&hash).to_uppercase();
                let url = format!("/openapi/v3/{path}?hash={hash}");
                paths.insert(path, json!({"serverRelativeURL": url}));
            }
        }
        answer::json(StatusCode::OK, &json!({"paths": paths}))
    }

    /// `…/[namespaces/NS/]TYPE[/NAME[/SUBRESOURCE]]`
    fn resource(&self, parts: &[&str], query: Query, form: Form) -> Answer {
        let (group, version, rest) = match parts {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return answer::no_page(),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, below @ ..] if !below.is_empty() && *below != ["status"] => {
                (Some(*namespace), below)
            }
            _ => (None, rest),
        };
        let (plural, name, sub) = match rest {
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, Some(*name), None),
            [plural, name, sub] => (*plural, Some(*name), Some(*sub)),
            _ => return answer::no_resource(),
        };
        let inner = self.store.lock();
        let groups = discovery::groups(&inner.kinds);
        match groups.get(group) {
            None => return answer::no_page(),
            Some(versions) if !versions.iter().any(|(v, _)| *v == version) => return answer::no_resource(),
            Some(_) => {}
        }
        let Some(target) = find(&inner, group, version, plural, namespace) else {
            return answer::no_resource();
        };
        let verb = match name {
            Some(_) => "get",
            None if query.is("watch") => "watch",
            None => "list",
        };
        if let Some(refused) = self.access.refuse(verb, &target.kind, namespace, name) {
            return refused;
        }
        let Some(name) = name else {
            if verb == "watch" {
                drop(inner);
                return follow::watch(&self.store, target, query, form);
            }
            return list::list(&inner, &target, &query, form, self.store.now());
        };
        let place = (target.place, namespace.unwrap_or("").to_owned(), name.to_owned());
        let Some(object) = inner.objects.get(&place).cloned() else { return not_found(&target, name) };
        drop(inner);
        match sub {
            None => answer::json(StatusCode::OK, &shown(&object, &target, form, &query, self.store.now())),
            Some("log") if target.kind.kind == "Pod" => self.log(&object, &query),
            Some("status") if target.kind.status => {
                answer::json(StatusCode::OK, &shown(&object, &target, form, &query, self.store.now()))
            }
            // Acting subresources exist in Kubernetes; here nothing acts.
            Some("exec" | "attach" | "portforward" | "proxy" | "ephemeralcontainers" | "scale") => {
                answer::not_allowed()
            }
            Some(_) => answer::no_resource(),
        }
    }

    fn log(&self, pod: &Value, query: &Query) -> Answer {
        let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let lists = ["/spec/containers", "/spec/initContainers"];
        let containers: Vec<&str> = lists
            .iter()
            .filter_map(|list| pod.pointer(list).and_then(Value::as_array))
            .flatten()
            .filter_map(|c| c["name"].as_str())
            .collect();
        let container = match (query.get("container"), containers.as_slice()) {
            (Some(container), all) if all.contains(&container) => container,
            (Some(container), _) => {
                return answer::bad_request(&format!("container {container} is not valid for pod {name}"));
            }
            (None, [only]) => only,
            (None, all) => {
                let message = format!(
                    "a container name must be specified for pod {name}, choose one of: [{}]",
                    all.join(" ")
                );
                return answer::bad_request(&message);
            }
        };
        let container = (namespace, name, container.to_owned());
        follow::log(&self.store, container, query)
    }
}

fn find(inner: &Inner, group: &str, version: &str, plural: &str, namespace: Option<&str>) -> Option<Target> {
    let serves = |k: &super::kinds::Kind| {
        k.group == group && k.plural == plural && k.versions.iter().any(|v| v == version)
    };
    let place = inner.kinds.iter().position(|k| k.as_ref().is_some_and(serves))?;
    let kind = inner.kinds[place].clone()?;
    // Cluster-scoped kinds have no path below a namespace.
    (kind.namespaced || namespace.is_none()).then(|| Target {
        place,
        kind,
        version: version.to_owned(),
        namespace: namespace.map(str::to_owned),
    })
}

fn document(inner: &Inner, group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<_> = inner
        .kinds
        .iter()
        .flatten()
        .filter(|k| k.group == group && k.versions.iter().any(|v| v == version))
        .collect();
    let first = kinds.first()?;
    let paths: serde_json::Map<String, Value> = kinds.iter().map(|kind| list_path(kind, version)).collect();
    if !first.custom {
        let mut document = shapes::document(group, version);
        document["paths"] = Value::Object(paths);
        return Some(document);
    }
    let crds = inner.kind_place("apiextensions.k8s.io", "CustomResourceDefinition")?;
    let mut merged: Option<Value> = None;
    for kind in kinds {
        let name = (crds, String::new(), format!("{}.{}", kind.plural, kind.group));
        let crd = inner.objects.get(&name);
        let versions = crd.and_then(|c| c.pointer("/spec/versions")).and_then(Value::as_array);
        let own = versions.into_iter().flatten().find(|v| v["name"] == json!(version));
        let own =
            shapes::custom_document(kind, version, own.and_then(|v| v.pointer("/schema/openAPIV3Schema")));
        match &mut merged {
            None => merged = Some(own),
            Some(merged) => {
                let schemas = own.pointer("/components/schemas").and_then(Value::as_object);
                for (name, schema) in schemas.into_iter().flatten() {
                    merged["components"]["schemas"][name] = schema.clone();
                }
            }
        }
    }
    merged.map(|mut merged| {
        merged["paths"] = Value::Object(paths);
        merged
    })
}

/// The path of a kind's list: this is where `kubectl explain` looks a resource up.
fn list_path(kind: &super::kinds::Kind, version: &str) -> (String, Value) {
    let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
    let below = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let of = json!({"group": kind.group, "version": version, "kind": kind.kind});
    let get = json!({"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": of, "responses": {}});
    (format!("{root}/{version}{below}/{}", kind.plural), json!({"get": get}))
}

fn not_found(target: &Target, name: &str) -> Answer {
    let kind = &target.kind;
    let mut details = json!({"name": name, "kind": kind.plural});
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    let message = format!("{} \"{name}\" not found", kind.resource());
    answer::failure(StatusCode::NOT_FOUND, "NotFound", &message, details)
}

fn not_acceptable() -> Answer {
    let message =
        "406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch";
    answer::failure(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message, json!({}))
}

fn no_media_type() -> Answer {
    let message =
        "the body of the request was in an unknown format - accepted media types include: application/json";
    answer::failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message, Value::Null)
}

/// OpenAPI documents that do not exist are answered without a body.
fn nothing() -> Answer {
    answer::empty(StatusCode::NOT_FOUND)
}

fn version() -> Value {
    json!({"major": "1", "minor": "36", "gitVersion": super::VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "sealane/demo"})
}
