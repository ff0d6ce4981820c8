//! Asks the gate that runs with this configuration.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::de::DeserializeOwned;

/// How long it may take: it is on this machine, or near.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// Gets a JSON document from the admin listener. `None`: nobody answers there, or with something else.
pub async fn get<T: DeserializeOwned>(address: SocketAddr, path: &str) -> Option<T> {
    // A port that the system chooses is known to nobody else.
    if address.port() == 0 {
        return None;
    }
    let asking = async {
        let uri = format!("http://{address}{path}").parse().ok()?;
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = client.get(uri).await.ok()?;
        let body = response.status().is_success().then(|| response.into_body())?;
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    };
    tokio::time::timeout(PATIENCE, asking).await.ok().flatten()
}
