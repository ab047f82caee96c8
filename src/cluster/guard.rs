//! The write guard: the one layer every request passes, which lets nothing through that could change a cluster.

use super::Body;
use futures::future::{Either, Ready, ready};
use http::{HeaderMap, Method, Request, Uri};
use http_body::Body as _;
use std::task::{Context, Poll};
use tower::{BoxError, Layer, Service};

/// Subresources that only tell. Everything else below an object is refused: `exec`, `attach`, `portforward` and `proxy`
/// act although they are read with GET (decisions.md 1.1), and an extension server may serve more of that sort.
const TELLING: [&str; 3] = ["status", "scale", "log"];

/// Words that are never the name of a resource type, refused wherever a type or subresource may stand.
const ACTING: [&str; 6] = ["exec", "attach", "portforward", "proxy", "ephemeralcontainers", "redirect"];

/// The access reviews: questions that Kubernetes wants asked with POST. Nothing is stored.
const REVIEWS: [&str; 2] = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];

/// Headers that turn a read into something else: a tunnel, or another method behind a proxy.
const TURNING: [&str; 7] = [
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "x-stream-protocol-version",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The method writes.
    #[error("{method} {path} is not sent: Sealane only reads clusters")]
    Method {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// The path acts, or is none of the known ones.
    #[error("{path} is not read: {why}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// A header would turn the request into a tunnel or another method.
    #[error("{path} is not read: the header {header} would turn it into something else")]
    Header {
        /// The path.
        path: String,
        /// The header.
        header: String,
    },
    /// A GET that carries a body.
    #[error("{path} is not read: a read carries no body")]
    Body {
        /// The path.
        path: String,
    },
}

/// Wraps a service so that only reads reach it.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardLayer;

/// The service behind [`GuardLayer`].
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner }
    }
}

impl<S, R> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = R>,
    S::Error: Into<BoxError>,
{
    type Response = R;
    type Error = BoxError;
    type Future = Either<Ready<Result<R, BoxError>>, futures::future::ErrInto<S::Future, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match pass(request.method(), request.uri(), request.headers(), request.body()) {
            Ok(()) => Either::Right(futures::TryFutureExt::err_into(self.inner.call(request))),
            Err(refusal) => {
                tracing::error!(%refusal, "the write guard refused a request");
                Either::Left(ready(Err(refusal.into())))
            }
        }
    }
}

/// Whether a request may be sent.
fn pass(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Body) -> Result<(), Refusal> {
    let path = || crate::model::clean(uri.path());
    if let Some(header) = TURNING.iter().find(|name| headers.contains_key(**name)) {
        return Err(Refusal::Header { path: path(), header: (*header).to_owned() });
    }
    let segments = segments(uri.path())
        .ok_or_else(|| Refusal::Path { path: path(), why: "it is not in normal form" })?;
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if *method == Method::POST && is_review(&parts) && uri.query().unwrap_or("").is_empty() {
        return Ok(());
    }
    if *method != Method::GET {
        return Err(Refusal::Method { method: method.to_string(), path: path() });
    }
    if !body.is_end_stream() {
        return Err(Refusal::Body { path: path() });
    }
    readable(&parts).map_err(|why| Refusal::Path { path: path(), why })
}

/// The segments of a path, decoded. `None` for anything that a server might read in another way than we do: empty or
/// dot segments, encoded slashes, control characters, broken or doubled encoding.
fn segments(path: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let rest = path.strip_prefix('/')?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    for raw in rest.split('/') {
        let segment = decode(raw)?;
        let odd = segment.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '%' | '?' | '#' | ';'));
        if segment.is_empty() || segment == "." || segment == ".." || odd {
            return None;
        }
        found.push(segment);
    }
    Some(found)
}

fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digit = |b: u8| char::from(b).to_digit(16);
            bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn is_review(parts: &[&str]) -> bool {
    matches!(parts, ["apis", "authorization.k8s.io", "v1" | "v1beta1", review] if REVIEWS.contains(review))
}

/// Whether a GET of this path only tells. Shapes of paths are Kubernetes' own: `kubernetes.io/docs/reference/using-api/api-concepts`.
fn readable(parts: &[&str]) -> Result<(), &'static str> {
    const UNKNOWN: &str = "it is no path that Sealane reads";
    match parts {
        ["version" | "api" | "apis"]
        | ["api" | "apis", _]
        | ["apis", _, _]
        | ["readyz" | "livez" | "healthz" | "openapi", ..] => Ok(()),
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => resource(rest),
        _ => Err(UNKNOWN),
    }
}

/// The part behind the version: `[namespaces/NS/]TYPE[/NAME[/SUBRESOURCE]]`.
fn resource(rest: &[&str]) -> Result<(), &'static str> {
    const ACTS: &str = "it would act on the cluster";
    let rest = match rest {
        // A namespace itself, or something below one.
        ["namespaces", _] => return Ok(()),
        ["namespaces", _, below @ ..] => below,
        _ => rest,
    };
    let acts = |word: &str| ACTING.iter().any(|acting| acting.eq_ignore_ascii_case(word));
    match rest {
        [kind] | [kind, _] if !acts(kind) => Ok(()),
        [kind, _, sub] if !acts(kind) && TELLING.contains(sub) => Ok(()),
        _ => Err(ACTS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(method: &str, path: &str) -> Result<(), Refusal> {
        let uri: Uri = path.parse().expect("a URI");
        let method: Method = method.parse().expect("a method");
        pass(&method, &uri, &HeaderMap::new(), &Body::empty())
    }

    #[test]
    fn reads_pass() {
        for path in [
            "/version",
            "/readyz?verbose",
            "/api",
            "/apis",
            "/api/v1",
            "/apis/apps/v1",
            "/openapi/v3/apis/apps/v1?hash=12",
            "/api/v1/namespaces",
            "/api/v1/namespaces/shop",
            "/api/v1/namespaces/shop/pods?watch=true",
            "/api/v1/namespaces/shop/pods/cart-1",
            "/api/v1/namespaces/shop/pods/cart-1/log?tailLines=10",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/namespaces/shop/deployments/cart/scale",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
            // Objects may be named like that; only types and subresources act.
            "/api/v1/namespaces/shop/services/proxy",
            "/api/v1/namespaces/exec/pods/attach/log",
        ] {
            assert_eq!(verdict("GET", path), Ok(()), "{path}");
        }
    }

    #[test]
    fn gets_that_act_are_refused() {
        for path in [
            "/api/v1/namespaces/shop/pods/cart-1/exec?command=sh",
            "/api/v1/namespaces/shop/pods/cart-1/attach",
            "/api/v1/namespaces/shop/pods/cart-1/portforward",
            "/api/v1/namespaces/shop/pods/cart-1/proxy",
            "/api/v1/namespaces/shop/pods/cart-1/proxy/admin",
            "/api/v1/namespaces/shop/services/web/proxy/",
            "/api/v1/namespaces/shop/pods/cart-1/ephemeralcontainers",
            "/api/v1/nodes/one/proxy/run/shop/cart/cart",
            "/api/v1/proxy/nodes/one",
            "/apis/subresources.kubevirt.io/v1/namespaces/shop/virtualmachineinstances/vm/vnc",
            "/debug/pprof/profile",
            "/logs/kube-apiserver.log",
            "/",
        ] {
            assert!(matches!(verdict("GET", path), Err(Refusal::Path { .. })), "{path}");
        }
    }

    #[test]
    fn spellings_of_a_refused_path_are_refused_too() {
        for path in [
            "/api/v1/namespaces/shop/pods/cart-1/%65xec",
            "/api/v1/namespaces/shop/pods/cart-1/EXEC",
            "/api/v1/namespaces/shop/pods/cart-1%2fexec",
            "/api/v1/namespaces/shop/pods/cart-1%2Fexec",
            "/api/v1/namespaces/shop/pods/cart-1//exec",
            "/api/v1/namespaces/shop/pods/cart-1/./exec",
            "/api/v1/namespaces/shop/pods/cart-1/log/../exec",
            "/api/v1/namespaces/shop/pods/cart-1/log/%2e%2e/exec",
            "/api/v1/namespaces/shop/pods/cart-1/%2565xec",
            "/api/v1/namespaces/shop/pods/cart-1/exec/",
            "//api/v1/namespaces/shop/pods/cart-1/exec",
            "/api/v1/namespaces/shop/pods/cart-1/ex%00ec",
        ] {
            assert!(verdict("GET", path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_the_two_reviews_may_be_posted() {
        let reviews = "/apis/authorization.k8s.io/v1";
        assert_eq!(verdict("POST", &format!("{reviews}/selfsubjectaccessreviews")), Ok(()));
        assert_eq!(verdict("POST", &format!("{reviews}/selfsubjectrulesreviews")), Ok(()));
        for path in [
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x",
            "/apis/authorization.k8s.io/v1//selfsubjectaccessreviews",
            "/apis/authentication.k8s.io/v1/tokenreviews",
            "/api/v1/namespaces/shop/selfsubjectaccessreviews",
            "/apis/authorization.k8s.io/v1/SelfSubjectAccessReviews",
            "/api/v1/namespaces/shop/pods",
            "/api/v1/namespaces/shop/serviceaccounts/default/token",
        ] {
            assert!(verdict("POST", path).is_err(), "{path}");
        }
        assert!(verdict("PUT", &format!("{reviews}/selfsubjectaccessreviews")).is_err());
    }

    #[test]
    fn tunnels_and_disguised_methods_are_refused() {
        let uri = Uri::from_static("/api/v1/namespaces/shop/pods/cart-1/log");
        for name in ["Upgrade", "X-HTTP-Method-Override", "Sec-WebSocket-Key"] {
            let mut headers = HeaderMap::new();
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                "x".parse().expect("a value"),
            );
            let refused = pass(&Method::GET, &uri, &headers, &Body::empty());
            assert!(matches!(refused, Err(Refusal::Header { .. })), "{name}");
        }
        let body = Body::from(b"{}".to_vec());
        assert!(matches!(pass(&Method::GET, &uri, &HeaderMap::new(), &body), Err(Refusal::Body { .. })));
    }

    #[tokio::test]
    async fn a_refused_request_never_reaches_the_service() {
        let reached = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = reached.clone();
        let inner = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::future::ready(Ok::<_, BoxError>(()))
        });
        let mut guarded = GuardLayer.layer(inner);
        for (method, sent) in [("DELETE", false), ("PATCH", false), ("GET", true), ("CONNECT", false)] {
            let request = Request::builder()
                .method(method)
                .uri("/api/v1/namespaces/shop/pods/cart-1")
                .body(Body::empty())
                .expect("a request");
            assert_eq!(guarded.call(request).await.is_ok(), sent, "{method}");
        }
        assert_eq!(reached.load(std::sync::atomic::Ordering::SeqCst), 1);
    }

    proptest! {
        #[test]
        fn no_method_but_get_and_review_posts_passes(method in "[A-Z]{1,9}", tail in "[a-z/%0-9.]{0,30}") {
            let Ok(uri) = format!("/api/v1/{tail}").parse::<Uri>() else { return Ok(()) };
            let Ok(method) = method.parse::<Method>() else { return Ok(()) };
            let passes = pass(&method, &uri, &HeaderMap::new(), &Body::empty()).is_ok();
            prop_assert!(!passes || method == Method::GET);
        }

        #[test]
        fn however_it_is_spelled_an_acting_subresource_does_not_pass(
            word in prop::sample::select(ACTING.to_vec()),
            upper in prop::collection::vec(any::<bool>(), 20),
            encoded in prop::collection::vec(any::<bool>(), 20),
            slashes in 1..3_usize,
            tail in "(/[a-z]{1,5}){0,2}",
            namespaced in any::<bool>(),
        ) {
            let spelled: String = word
                .chars()
                .enumerate()
                .map(|(i, c)| {
                    let c = if upper[i] { c.to_ascii_uppercase() } else { c };
                    if encoded[i] { format!("%{:02x}", c as u32) } else { c.to_string() }
                })
                .collect();
            let scope = if namespaced { "namespaces/shop/" } else { "" };
            let path = format!("/api/v1/{scope}pods/one{}{spelled}{tail}", "/".repeat(slashes));
            let uri: Uri = path.parse().expect("a URI");
            prop_assert!(pass(&Method::GET, &uri, &HeaderMap::new(), &Body::empty()).is_err(), "{path}");
        }

        #[test]
        fn any_path_is_judged_without_a_panic(path in "/\\PC{0,60}") {
            if let Ok(uri) = path.parse::<Uri>() {
                let _ = pass(&Method::GET, &uri, &HeaderMap::new(), &Body::empty());
            }
        }
    }
}
