//! Asks the gate that runs with this configuration.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::de::DeserializeOwned;

/// How long it may take: it is on this machine, or near.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// What the gate says.
pub enum Told<T> {
    Document(T),
    /// It answers, and has no such thing.
    Refusal,
    /// Nobody answers there, or with something else.
    Nothing,
}

/// Gets a JSON document from the admin listener. `None`: there is none.
pub async fn get<T: DeserializeOwned>(address: SocketAddr, path: &str) -> Option<T> {
    match ask(address, path).await {
        Told::Document(document) => Some(document),
        Told::Refusal | Told::Nothing => None,
    }
}

/// Asks the admin listener for a JSON document.
pub async fn ask<T: DeserializeOwned>(address: SocketAddr, path: &str) -> Told<T> {
    // A port that the system chooses is known to nobody else.
    if address.port() == 0 {
        return Told::Nothing;
    }
    let asking = async {
        let uri = format!("http://{address}{path}").parse().ok()?;
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = client.get(uri).await.ok()?;
        if response.status() == StatusCode::NOT_FOUND {
            return Some(Told::Refusal);
        }
        let body = response.status().is_success().then(|| response.into_body())?;
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok().map(Told::Document)
    };
    let told = tokio::time::timeout(PATIENCE, asking).await;
    told.ok().flatten().unwrap_or(Told::Nothing)
}
