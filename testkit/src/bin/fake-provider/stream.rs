//! The body of an answer: whole, or a stream at its pace.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::answers::{Answers, Pace, StreamBytes};

pub(crate) enum Reply {
    Whole(Option<Bytes>),
    Stream(Stream),
}

pub(crate) struct Stream {
    answers: Arc<Answers>,
    usage: bool,
    ticks: Option<Interval>,
    next: Next,
}

enum Next {
    Opening { chunks: u32 },
    Content { left: u32 },
    End,
}

impl Reply {
    pub(crate) fn stream(answers: Arc<Answers>, pace: Pace, usage: bool) -> Self {
        let ticks = (!pace.interval.is_zero()).then(|| {
            let mut ticks = interval(pace.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self::Stream(Stream {
            answers,
            usage,
            ticks,
            next: Next::Opening { chunks: pace.chunks },
        })
    }
}

impl Stream {
    fn bytes(&self) -> &StreamBytes {
        if self.usage {
            &self.answers.with_usage
        } else {
            &self.answers.plain
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.next {
            Next::Opening { chunks } => {
                self.next = Next::Content { left: chunks };
                Poll::Ready(Some(self.bytes().opening.clone()))
            }
            Next::Content { left: 0 } => {
                self.next = Next::End;
                Poll::Ready(Some(self.bytes().terminal.clone()))
            }
            Next::Content { left } => {
                if let Some(ticks) = &mut self.ticks {
                    ready!(ticks.poll_tick(context));
                }
                self.next = Next::Content { left: left - 1 };
                Poll::Ready(Some(self.bytes().content.clone()))
            }
            Next::End => Poll::Ready(None),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Stream(stream) => ready!(stream.poll_next(context)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
