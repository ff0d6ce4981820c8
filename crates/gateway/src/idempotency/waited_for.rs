//! A stream whose answer another gate may be making: after a keep-alive's time its head goes out, and comments keep the
//! connection alive for as long as that answer is waited for.
//!
//! What comes then is the stream, or an error that ends it: the status has gone out.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt,
    stream::{once, unfold},
};
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tollgate_chat::sse::write::{KEEP_ALIVE, event as write_event};

use crate::{
    body::{Body, Response},
    error::GateError,
    gate::Gate,
    relay::write_stream_headers,
    story::Story,
};

/// What answers, whoever does.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response, GateError>> + Send>>;

type Item = Result<Frame<Bytes>, Infallible>;

/// The answer, where it comes soon; else its head, and the rest as it comes.
///
/// Cancel safety: dropping it, or the answer, drops what answers.
pub async fn answer(
    gate: &Arc<Gate>,
    story: &Arc<Story>,
    mut answering: Answering,
) -> Result<Response, GateError> {
    if let Ok(answered) = timeout(gate.settings.keep_alive, &mut answering).await {
        return answered;
    }
    let waiting = Waiting {
        gate: Arc::clone(gate),
        story: Arc::clone(story),
        source: Source::Answering(answering),
    };
    let first = once(async { Ok(Frame::data(Bytes::from_static(KEEP_ALIVE))) });
    let frames = first.chain(unfold(Some(waiting), |waiting| async { waiting?.next().await }));
    let mut response = Response::new(Body::Stream(Box::pin(frames)));
    write_stream_headers(response.headers_mut());
    Ok(response)
}

struct Waiting {
    gate: Arc<Gate>,
    story: Arc<Story>,
    source: Source,
}

enum Source {
    Answering(Answering),
    Answer(Body),
}

impl Waiting {
    /// The next frame, and what follows it.
    async fn next(mut self) -> Option<(Item, Option<Self>)> {
        loop {
            let answered = match &mut self.source {
                Source::Answer(body) => {
                    let frame = body.frame().await?;
                    return Some((frame, Some(self)));
                }
                Source::Answering(answering) => {
                    let soon = timeout(self.gate.settings.keep_alive, answering);
                    match self.gate.cut_off.or(soon).await {
                        Some(Err(_)) => return Some((data(Bytes::from_static(KEEP_ALIVE)), Some(self))),
                        Some(Ok(answered)) => answered,
                        None => Err(GateError::ShutDown),
                    }
                }
            };
            let error = match answered {
                Ok(response) if response.status() == StatusCode::OK => {
                    self.source = Source::Answer(response.into_body());
                    continue;
                }
                Ok(response) => match response.into_body().collect().await {
                    Ok(error) => error.to_bytes(),
                    Err(never) => match never {},
                },
                Err(error) => {
                    self.gate.refused(&self.story, &error, true);
                    Bytes::from(error.body().to_json())
                }
            };
            let mut last = BytesMut::new();
            write_event(&mut last, &error);
            return Some((data(last.freeze()), None));
        }
    }
}

fn data(bytes: Bytes) -> Item {
    Ok(Frame::data(bytes))
}
