//! One request to one provider, read as far as the attempt has to wait for.

use std::sync::Arc;

use tollgate_catalog::contract::estimated_tokens;
use tollgate_chat::{
    answer::Answer,
    assemble::Assembler,
    event::EventKind,
    usage::{CountedBy, Usage},
};
use tollgate_dialects::{Dialect, Presentation, ProviderRequest, UnaskedStream};

use super::{
    OpenStream, Outcome,
    opening::{self, Reading},
    pace::Attention,
    private,
    reasoning::Keeper,
    send,
};
use crate::{
    abandoned::{Abandonable, How, Parting, Read, Rest},
    buffered::{Full, Held},
    channel::Server,
    count::heard::Heard,
    error::Failure,
    gate::Gate,
    health::Place,
    story::{AttemptMark, Followed},
};

/// How a translated request is sent and what its answer is for.
#[derive(Clone)]
pub struct Call {
    pub gate: Arc<Gate>,
    /// Where its story is written.
    pub mark: AttemptMark,
    pub server: Server,
    /// Whether the client wants a stream.
    pub stream: bool,
    pub presentation: Arc<Presentation>,
    /// Where the provider wants something back with the next turn.
    pub keeper: Option<Keeper>,
    /// Where the call is left when the client goes; `None`: it is cancelled.
    pub parting: Option<Arc<Parting>>,
    /// The call's own place on its channel, where the attempt may make several calls or leave one behind.
    pub place: Option<Arc<Place>>,
    /// When it is waited for, where it is read together with others; `None`: whenever it is read.
    pub attention: Option<Arc<Attention>>,
}

/// A whole answer, its share of the memory, and what becomes of its count where nobody is given it.
pub type Whole = (Answer, Held, Followed);

impl Call {
    /// Sends the request and gives the client's kind of answer, whichever the provider gives.
    ///
    /// Cancel safety: dropping it lets the connection go, or leaves the call where it is to be read on.
    pub async fn make(&self, request: ProviderRequest) -> Result<Outcome, Failure> {
        if !self.stream && !request.streamed {
            let (answer, held, followed) = self.whole(request).await?;
            followed.handed_on();
            return Ok(Outcome::Whole { answer, held });
        }
        let mut stream = self.open(request).await?;
        if !self.stream {
            return fold(stream, &self.gate, &self.presentation).await;
        }
        stream.goes_to_client();
        Ok(Outcome::Stream(stream))
    }

    /// A stream whose first output has come; a whole answer is told as one.
    pub async fn open(&self, request: ProviderRequest) -> Result<OpenStream, Failure> {
        let Some(parting) = &self.parting else {
            return self.open_now(request).await;
        };
        let call = self.clone();
        let work = async move { call.open_now(request).await };
        Abandonable::new(
            parting,
            |stream, deadline| Box::pin(stream.read_on(deadline)),
            work,
        )
        .await
    }

    async fn open_now(&self, request: ProviderRequest) -> Result<OpenStream, Failure> {
        let mut followed = self.mark.follow();
        match self.open_followed(request, &mut followed).await {
            Ok(stream) => Ok(stream.followed_by(followed)),
            Err(failure) => {
                followed.failed(&failure);
                Err(failure)
            }
        }
    }

    async fn open_followed(
        &self,
        mut request: ProviderRequest,
        followed: &mut Followed,
    ) -> Result<OpenStream, Failure> {
        let memory = memory_of(&self.gate, &request).map_err(|_| Failure::MemoryFull)?;
        let streamed = request.streamed;
        let reading = Reading {
            dialect: request.dialect,
            quirks: &self.server.serving.quirks,
            presentation: &self.presentation,
            undo: std::mem::take(&mut request.undo),
            keeper: self.keeper.as_ref(),
            parting: self.parting.as_ref(),
            place: self.place.as_ref(),
            attention: self.attention.as_ref(),
            followed,
        };
        let response = send::send(&self.server, request, reading.followed).await?;
        drop(memory);
        match streamed {
            true => opening::open(&self.gate, &self.server, response, reading).await,
            false => opening::tell_whole(&self.gate, &self.server, response, reading).await,
        }
    }

    pub async fn whole(&self, request: ProviderRequest) -> Result<Whole, Failure> {
        let Some(parting) = &self.parting else {
            return self.whole_now(request).await;
        };
        let call = self.clone();
        let work = async move { call.whole_now(request).await };
        let read = |(answer, ..): Whole, _| -> Rest {
            // What nobody counted has an estimate of its own, so that the sum of several calls is of all of them.
            let mut heard = Heard::of(answer.usage, answer.counted_by.is_estimate());
            heard.service_tier = answer.service_tier;
            let how = How::Complete;
            Box::pin(std::future::ready(Read {
                heard: Some(heard),
                how,
            }))
        };
        Abandonable::new(parting, read, work).await
    }

    async fn whole_now(&self, request: ProviderRequest) -> Result<Whole, Failure> {
        let mut followed = self.mark.follow();
        match self.whole_followed(request, &mut followed).await {
            Ok((answer, held)) => {
                let usage = (answer.counted_by != CountedBy::Gate).then_some(answer.usage);
                followed.counted(usage, answer.service_tier.clone());
                followed.told();
                Ok((answer, held, followed))
            }
            Err(failure) => {
                followed.failed(&failure);
                Err(failure)
            }
        }
    }

    async fn whole_followed(
        &self,
        mut request: ProviderRequest,
        followed: &mut Followed,
    ) -> Result<(Answer, Held), Failure> {
        let memory = memory_of(&self.gate, &request).map_err(|_| Failure::MemoryFull)?;
        let (dialect, undo) = (request.dialect, std::mem::take(&mut request.undo));
        let response = send::send(&self.server, request, followed).await?;
        drop(memory);
        let idle = self.server.timeouts.idle;
        let limit = self.gate.settings.answer_limit;
        let mut held = self.gate.buffered.hold();
        let quirks = &self.server.serving.quirks;
        let unasked = UnaskedStream::new(dialect, quirks, &self.presentation, &undo);
        let body = send::read_whole(response.into_body(), limit, idle, &mut held, unasked).await?;
        let decoded = dialect
            .decode_answer(&body, quirks, &self.presentation, &undo)
            .map_err(|fault| {
                let (usage, tier) = dialect.counted_in(&body);
                followed.counted(usage, tier);
                private::failed(&self.server.channel.settings, fault)
            })?;
        if let Some(keeper) = &self.keeper {
            keeper.keep(decoded.turns);
        }
        held.grow_to(decoded.answer.json.len())
            .map_err(|_| Failure::MemoryFull)?;
        Ok((decoded.answer, held))
    }
}

/// The share of the memory of what a request holds beside the client's own bytes. Chat requests are those bytes but for
/// a few edits.
pub fn memory_of(gate: &Gate, request: &ProviderRequest) -> Result<Held, Full> {
    let mut held = gate.buffered.hold();
    if request.dialect != Dialect::OpenaiChat {
        held.grow(request.body_len())?;
    }
    Ok(held)
}

/// Reads a stream to its end and puts the whole answer together.
pub async fn fold(
    mut stream: OpenStream,
    gate: &Gate,
    presentation: &Presentation,
) -> Result<Outcome, Failure> {
    let limit = gate.settings.answer_limit;
    let mut held = gate.buffered.hold();
    let mut assembler = Assembler::default();
    let mut head = presentation.head.clone();
    stream.is_folded();
    while let Some(events) = stream.next().await {
        for event in events? {
            if let EventKind::Start(start) = &event.kind {
                head.adopt(start);
            }
            assembler.take(event.kind);
        }
        if assembler.held() > limit {
            return Err(Failure::AnswerTooLarge { limit });
        }
        held.grow_to(assembler.held()).map_err(|_| Failure::MemoryFull)?;
    }
    stream.handed_on();
    let estimated = Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(assembler.held() as u64),
        ..Usage::default()
    };
    let answer = assembler.finish(&head, &presentation.shape, estimated);
    Ok(Outcome::Whole { answer, held })
}
