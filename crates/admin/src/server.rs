//! The routes, and the description of them that is made from the same handlers.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::time;
use tollgate_gateway::{Gate, OperatorRequest};
use tollgate_store::Store;
use tower::ServiceExt;
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    attempts::Attempts,
    error::AdminError,
    keeper::ChannelKeeper,
    password::Passwords,
    resources,
    roles::{Asked, Reader},
};

mod description;

/// Where all of it is.
const BASE: &str = "/admin/v1";
/// Largest body of a request.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long a request may take, its body included, until its answer begins.
const TIME_LIMIT: Duration = Duration::from_secs(60);
const DESCRIPTION: &str = "What operators see and change while the gate runs. Amounts are dollars, written as text so \
    that no digit is lost; moments are RFC 3339 in UTC. Lists come in pages: `next` of one is `after` of the following \
    one, and null at the end. In a PATCH, what is left out stays as it is, and null takes a bound away.";

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Store,
    pub(crate) settings: AdminSettings,
    pub(crate) passwords: Passwords,
    pub(crate) attempts: Attempts,
    /// The description of the API, as JSON.
    description: Bytes,
}

/// What the binary tells the API.
#[derive(Clone)]
pub struct AdminSettings {
    /// Where the days of usage begin at midnight.
    pub time_zone: TimeZone,
    /// The configuration in force, without secrets.
    pub effective: Value,
    pub channels: Arc<dyn ChannelKeeper>,
}

/// The admin API. Clones share all of it.
#[derive(Clone)]
pub struct Admin {
    router: Router,
}

#[derive(OpenApi)]
#[openapi(security(("operator" = [])))]
struct Description;

impl Admin {
    pub fn new(gate: Arc<Gate>, store: Store, settings: AdminSettings) -> Self {
        let (router, description) = routes();
        let shared = Arc::new(Shared {
            gate,
            store,
            settings,
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            description: description.into(),
        });
        Self {
            router: router.with_state(shared),
        }
    }

    /// Answers one request. What is longer than a page comes while it is sent, and fails where it cannot be read to its
    /// end.
    pub async fn answer(&self, asked: OperatorRequest) -> Response {
        let OperatorRequest {
            mut request,
            client,
            id,
        } = asked;
        request.extensions_mut().insert(Asked {
            client,
            request: id.into(),
        });
        let answering = async {
            let response = match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (mut head, body) = response.into_parts();
            plain_allow(&mut head);
            Response::from_parts(head, body)
        };
        match time::timeout(TIME_LIMIT, answering).await {
            Ok(response) => response,
            Err(_) => AdminError::Timeout.into_response(),
        }
    }
}

/// The description of the API, as it is served.
fn routes() -> (Router<Arc<Shared>>, String) {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .nest(BASE, resources::routes())
        .split_for_parts();
    description.info.title = "Tollgate admin API".to_owned();
    description.info.version = "v1".to_owned();
    description.info.description = Some(DESCRIPTION.to_owned());
    description.info.license = None;
    description.info.contact = None;
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token (`tgo_…`) of `tollgate operators token`, or a session's.",
        ))
        .build();
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("operator", SecurityScheme::Http(scheme));
    let mut description = serde_json::to_value(&description).expect("a description always has a JSON form");
    description::complete(&mut description);
    let description = description.to_string();
    let router = router
        .route("/admin/v1/openapi.json", axum::routing::get(openapi))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    (router, description)
}

async fn openapi(reader: Reader) -> Response {
    json(StatusCode::OK, reader.shared.description.clone())
}

async fn unknown_route(method: Method, uri: Uri) -> AdminError {
    AdminError::UnknownRoute {
        method: method.to_string(),
        path: uri.path().to_owned(),
    }
}

async fn wrong_method(request: Request) -> AdminError {
    AdminError::WrongMethod {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
    }
}

/// An answer whose body is JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Some of them have a secret in them that is shown once.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `HEAD` goes without saying where there is `GET`.
fn plain_allow(head: &mut http::response::Parts) {
    let Some(allowed) = head
        .headers
        .get(header::ALLOW)
        .and_then(|value| value.to_str().ok())
    else {
        return;
    };
    let methods: Vec<&str> = allowed
        .split(',')
        .map(str::trim)
        .filter(|method| *method != "HEAD")
        .collect();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        head.headers.insert(header::ALLOW, value);
    }
}

#[cfg(test)]
mod tests;
