//! Listeners: from a request to its route, with bounds on size, and a drain at the end.

mod connections;

use std::{
    convert::Infallible,
    error::Error,
    future::ready,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::Body;
use http_body_util::Either;
use hyper::{body::Incoming, service::service_fn};
use tokio::{net::TcpListener, time::sleep};
use tollgate_ledger::limits::standings;
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use self::connections::{Limits, accept};
use crate::{
    body::{Response, discard, whole},
    client_address::client_address,
    endpoints::{channels, health, models, openapi, requests, usage},
    error::GateError,
    gate::Gate,
    idempotency::X_TOLLGATE_REPLAYED,
    in_place::in_place,
    limit_headers,
    metrics::looked_at,
    pipeline::chat_completions,
    request_id::{RequestId, X_REQUEST_ID, X_TOLLGATE_REQUEST_ID},
    story::Story,
};

/// Most bytes of path and headers, and most headers.
const HEADER_BYTES: usize = 64 * 1024;
const HEADER_COUNT: usize = 100;
/// How long browsers may remember a CORS answer.
const CORS_MAX_AGE: Duration = Duration::from_secs(3_600);

const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";
/// On the admin listener, what operators have to present something for.
const ADMIN_API: &str = "/admin/v1/";
const CHANNELS: &str = "/admin/v1/channels";
/// With a request's ID after it.
const REQUESTS: &str = "/admin/v1/requests/";
/// Every path of the data plane, for the nearest one in a 404.
const USAGE: &str = "/v1/usage";
const ROUTES: [&str; 6] = [
    CHAT_COMPLETIONS,
    MODELS,
    USAGE,
    "/openapi.json",
    "/healthz",
    "/readyz",
];

/// A request being answered. Boxed, so that a connection makes no room for it while it streams or waits.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Serves the data plane until `shutdown`. From then on it is not ready, and each answer is its connection's last; after
/// a while it takes nothing new, and lets requests under way end.
pub async fn serve(gate: Arc<Gate>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let cors = Arc::new(cors(&gate));
    let limits = Limits::of(&gate.settings);
    let served = Arc::clone(&gate);
    let service = move |peer: SocketAddr| {
        let (gate, cors) = (Arc::clone(&served), Arc::clone(&cors));
        service_fn(move |request: Request<Incoming>| -> Answering {
            let gate = Arc::clone(&gate);
            // Only browsers name an origin, so nobody else pays for CORS.
            let from_browser = request.headers().contains_key(header::ORIGIN);
            if from_browser && request.uri().path().starts_with("/v1/") {
                let data_plane = tower::service_fn(move |request| answer(Arc::clone(&gate), peer, request));
                return Box::pin(cors.layer(data_plane).oneshot(request));
            }
            in_place(|| answer(gate, peer, request))
        })
    };
    let shutdown = async {
        shutdown.await;
        gate.is_leaving.store(true, Ordering::Relaxed);
        sleep(gate.settings.leave).await;
    };
    let beside = async {
        // Who has no client any more is not waited for, but one whose client may come back is.
        gate.abandoned.let_go();
        gate.replays.ended().await;
    };
    let cut_off = || gate.cut_off.comes();
    accept(listener, service, limits, shutdown, beside, cut_off).await;
    gate.abandoned.close().await;
    gate.counting.close().await;
}

/// A request to the admin API.
#[derive(Debug)]
pub struct OperatorRequest {
    pub request: Request<Incoming>,
    /// Who asks, behind the proxies that are trusted.
    pub client: IpAddr,
    /// The ID that the gate gave it, which its answer has as well.
    pub id: String,
}

/// Serves health, metrics and the state of the channels for operators until `shutdown`. `metrics` writes Prometheus'
/// text, and `api` answers what is asked of the admin API; an answer of it whose body fails is broken off.
///
/// The channels in use and the stories of requests are told on this machine without a credential, as health and
/// metrics are everywhere; from elsewhere, or with a credential, they are the admin API's.
pub async fn serve_admin<A, F, B>(
    gate: Arc<Gate>,
    listener: TcpListener,
    metrics: impl Fn() -> String + Clone + Send + Sync + 'static,
    api: A,
    shutdown: impl Future<Output = ()>,
) where
    A: Fn(OperatorRequest) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let limits = Limits::of(&gate.settings);
    let service = move |peer: SocketAddr| {
        let (gate, metrics, api) = (Arc::clone(&gate), metrics.clone(), api.clone());
        service_fn(move |request: Request<Incoming>| {
            let (gate, metrics, api) = (Arc::clone(&gate), metrics.clone(), api.clone());
            async move {
                let (method, path) = (as_get(request.method()), request.uri().path());
                let is_here = is_local(peer, request.headers());
                let response = match (&method, path) {
                    (&Method::GET, CHANNELS) if is_here => channels::list(&gate),
                    (method, path) if is_here && path.starts_with(REQUESTS) => match method {
                        &Method::GET => requests::one(&gate, &path[REQUESTS.len()..]),
                        _ => wrong_method(method, path, "GET").into_response(),
                    },
                    (_, path) if path.starts_with(ADMIN_API) => {
                        let id = RequestId::new(request.headers(), unix_millis());
                        let asked = OperatorRequest {
                            client: client_address(request.headers(), peer, &gate.settings.trusted_proxies),
                            id: id.as_str().to_owned(),
                            request,
                        };
                        let mut response = api(asked).await;
                        id.write(response.headers_mut());
                        return Ok(response.map(Either::Right));
                    }
                    (&Method::GET, "/metrics") => {
                        let page = metrics() + &looked_at::page(&gate).await;
                        let mut response = Response::new(whole(page));
                        let content_type = HeaderValue::from_static("text/plain; version=0.0.4");
                        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                        response
                    }
                    (&Method::GET, "/healthz") => health::healthz(),
                    (&Method::GET, "/readyz") => health::readyz(&gate).await,
                    (method, path @ ("/metrics" | "/healthz" | "/readyz")) => {
                        wrong_method(method, path, "GET").into_response()
                    }
                    (method, path) => GateError::UnknownRoute {
                        method: method.to_string(),
                        path: path.to_owned(),
                        nearest: nearest(path, &["/metrics", "/healthz", "/readyz", CHANNELS]),
                    }
                    .into_response(),
                };
                Ok::<_, Infallible>(response.map(Either::Left))
            }
        })
    };
    accept(listener, service, limits, shutdown, ready(()), || {}).await;
}

/// Whether somebody on this machine asks for themselves, and presents nothing.
fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let is_forwarded = ["forwarded", "x-forwarded-for"]
        .iter()
        .any(|name| headers.contains_key(*name));
    peer.ip().to_canonical().is_loopback() && !is_forwarded && !headers.contains_key(header::AUTHORIZATION)
}

async fn answer(
    gate: Arc<Gate>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let id = RequestId::new(request.headers(), unix_millis());
    let client = client_address(request.headers(), peer, &gate.settings.trusted_proxies);
    let caller = gate.telemetry.as_ref();
    let caller = caller.and_then(|telemetry| telemetry.parent(request.headers()));
    let story = Story::begin(id, client, caller);
    let mut response = match dispatch(Arc::clone(&gate), &mut request, &story).await {
        Ok(response) => response,
        Err(error) => {
            gate.refused(&story, &error, request.uri().path() == CHAT_COMPLETIONS);
            discard(request).await;
            error.into_response()
        }
    };
    if let Some(key) = story.limited_key() {
        limit_headers::write(&standings(&key.owners(), gate.keys.now()), response.headers_mut());
    }
    story.id.write(response.headers_mut());
    if gate.is_leaving.load(Ordering::Relaxed) {
        // Who keeps the connection is to come back to another gate.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn dispatch(
    gate: Arc<Gate>,
    request: &mut Request<Incoming>,
    story: &Arc<Story>,
) -> Result<Response, GateError> {
    if head_bytes(request) > HEADER_BYTES {
        return Err(GateError::HeadersTooLarge { limit: HEADER_BYTES });
    }
    let method = as_get(request.method());
    let path = request.uri().path();
    match path {
        CHAT_COMPLETIONS if method == Method::POST => chat_completions(gate, request, story).await,
        CHAT_COMPLETIONS => Err(wrong_method(request.method(), path, "POST")),
        MODELS | USAGE | "/openapi.json" | "/healthz" | "/readyz" if method != Method::GET => {
            Err(wrong_method(request.method(), path, "GET"))
        }
        MODELS => models::list(&gate, request.headers(), story).await,
        USAGE => usage::usage(&gate, request.headers(), request.uri().query(), story).await,
        "/openapi.json" => Ok(openapi::openapi(&gate, request.headers(), story).await),
        "/healthz" => Ok(health::healthz()),
        "/readyz" => Ok(health::readyz(&gate).await),
        _ => match path.strip_prefix("/v1/models/").filter(|id| !id.is_empty()) {
            Some(_) if method != Method::GET => Err(wrong_method(request.method(), path, "GET")),
            Some(model) => models::one(&gate, request.headers(), story, model).await,
            None => Err(GateError::UnknownRoute {
                method: method.to_string(),
                path: path.to_owned(),
                nearest: nearest(path, &ROUTES),
            }),
        },
    }
}

/// Bytes of path, query and headers.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    target
        + headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>()
}

/// `HEAD` is `GET` without the body, which is left out where the answer is written.
fn as_get(method: &Method) -> Method {
    match method {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    }
}

fn wrong_method(method: &Method, path: &str, allowed: &'static str) -> GateError {
    GateError::WrongMethod {
        method: method.to_string(),
        path: path.to_owned(),
        allowed,
    }
}

/// The route that was probably meant: one that ends like the path, else the one spelt most alike. What all
/// routes begin with makes nothing alike.
fn nearest(path: &str, routes: &[&str]) -> Option<String> {
    const ALIKE: f64 = 0.6;
    const VERSION: &str = "/v1";
    let own = |path: &str| {
        let path = path.to_ascii_lowercase();
        path.strip_prefix(VERSION).unwrap_or(&path).to_owned()
    };
    let path = path.trim_end_matches('/');
    let ends_alike = |route: &&&str| path.len() > 1 && (route.ends_with(path) || path.ends_with(**route));
    if let Some(route) = routes.iter().find(ends_alike) {
        return Some((*route).to_owned());
    }
    routes
        .iter()
        .map(|route| {
            (
                strsim::normalized_damerau_levenshtein(&own(path), &own(route)),
                route,
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, route)| (*route).to_owned())
}

fn cors(gate: &Gate) -> CorsLayer {
    let origins = &gate.settings.cors_origins;
    let any = origins.iter().any(|origin| origin == "*");
    CorsLayer::new()
        .allow_origin(if any {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(origins.iter().cloned())
        })
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(
            [
                X_REQUEST_ID,
                X_TOLLGATE_REQUEST_ID,
                header::RETRY_AFTER,
                "retry-after-ms".parse().expect("a valid header name"),
                "x-should-retry".parse().expect("a valid header name"),
                "x-tollgate-channel".parse().expect("a valid header name"),
                "x-tollgate-model".parse().expect("a valid header name"),
                "x-tollgate-notes".parse().expect("a valid header name"),
                X_TOLLGATE_REPLAYED,
            ]
            .into_iter()
            .chain(limit_headers::names()),
        ))
        .max_age(CORS_MAX_AGE)
}

fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
