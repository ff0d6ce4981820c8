//! Takes connections and answers what comes over them.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answers::{Answers, Pace};
use crate::request;
use crate::stream::Reply;

pub(crate) async fn forever(listener: TcpListener, answers: Answers) -> ! {
    let answers = Arc::new(answers);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will come back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Chunks leave as they are written.
        let _ = socket.set_nodelay(true);
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&answers), request));
            // A client that leaves in the middle is none of our business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn respond(answers: Arc<Answers>, request: Request<Incoming>) -> Result<Response<Reply>, hyper::Error> {
    let (head, body) = request.into_parts();
    let wants = request::read(body).await?;
    if head.method != Method::POST || !head.uri.path().ends_with("/chat/completions") {
        let mut response = json(answers.not_found.clone());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    if !wants.stream {
        return Ok(json(answers.whole.clone()));
    }
    let pace = pace(&head.headers, answers.pace);
    let mut response = Response::new(Reply::stream(answers, pace, wants.usage));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn json(body: bytes::Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Some(body)));
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

fn pace(headers: &HeaderMap, otherwise: Pace) -> Pace {
    let number = |name| headers.get(name)?.to_str().ok()?.parse().ok();
    Pace {
        chunks: number("x-fake-chunks").unwrap_or(otherwise.chunks),
        interval: number("x-fake-interval-ms")
            .map_or(otherwise.interval, |ms| Duration::from_millis(ms.into())),
    }
}
