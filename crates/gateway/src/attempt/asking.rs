//! One attempt: a channel is asked for all that the client wants, in one call or several.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::{
    Context, FaultKind, Note, Presentation, ProviderRequest, encode, request::Fetched, say_clients_param,
    turn_state::TurnStates,
};

use super::{
    Asker, Attempted, Outcome,
    call::Call,
    caller::Caller,
    fan_out,
    fetch::{self, Media},
    reasoning::{Keeper, Owner},
};
use crate::{channel::Server, count::limit::most_output, error::Failure, gate::Gate, story::AttemptPen};

/// Why an attempt came to nothing.
#[derive(Debug)]
pub struct Failed {
    pub failure: Failure,
    /// Which of the request's attempts it was, from 1.
    pub attempt: usize,
}

/// Translates the request, sends it, and reads until its outcome is known. Where the
/// provider gives fewer choices at once than the client wants, it is asked several times; where it refuses what
/// earlier turns thought, it is asked once more without that. `limit`: how long all of it may take. `notes`: what is
/// done in another way than asked, also where it fails or is dropped; an answer has them itself.
pub async fn try_channel(
    gate: &Arc<Gate>,
    asker: Asker<'_>,
    request: &ValidRequest,
    server: &Server,
    presentation: &Arc<Presentation>,
    (media, notes): (&mut Media, &mut Vec<Note>),
    limit: Option<Duration>,
) -> Result<Attempted, Failed> {
    let server = server.for_request(request);
    let mut pen = asker
        .story
        .attempt(&server, most_output(request, &server.serving));
    let written = (&mut pen, &mut *notes);
    let asking = ask_channel(gate, asker, request, &server, presentation, media, written);
    let tried = match limit {
        None => asking.await,
        Some(limit) => timeout(limit, asking)
            .await
            .unwrap_or(Err(Failure::TotalTimeout { limit })),
    };
    let attempt = pen.number();
    match &tried {
        Ok(_) => pen.answered(),
        Err(failure) => pen.failed(failure),
    }
    // Nothing was sent.
    if matches!(tried, Err(Failure::Unsupported(_) | Failure::NotFetched(_))) {
        notes.clear();
    }
    tried.map_err(|failure| Failed { failure, attempt })
}

async fn ask_channel(
    gate: &Arc<Gate>,
    Asker {
        caller,
        departure,
        place,
        states: held,
        ..
    }: Asker<'_>,
    request: &ValidRequest,
    server: &Server,
    presentation: &Arc<Presentation>,
    media: &mut Media,
    (pen, notes): (&mut AttemptPen, &mut Vec<Note>),
) -> Result<Attempted, Failure> {
    let (dialect, quirks) = (server.dialect(), &server.serving.quirks);
    // What few requests need is boxed, so that the others need not make room for it.
    let fetched = match fetch::may_need(gate, request, dialect, quirks) {
        true => Box::pin(media.fetch(gate, request, dialect, quirks)).await?,
        false => Vec::new(),
    };
    let owner = Owner::of(caller.holder, server);
    let known = gate.reasoning.known(held);
    let states = known.find(&owner, request, quirks).await;
    let departure = departure.filter(|_| server.bills_on());
    let parting = |pen: &AttemptPen| {
        departure.map(|departure| departure.of_attempt(pen.mark(), presentation.estimated_prompt_tokens))
    };
    let call = Call {
        gate: Arc::clone(gate),
        mark: pen.mark(),
        server: server.clone(),
        stream: request.stream,
        presentation: Arc::clone(presentation),
        keeper: Keeper::of(gate, owner, quirks),
        parting: parting(pen),
        place: place.cloned(),
        attention: None,
    };
    let mut asking = Asking {
        caller,
        request,
        call,
        fetched: media.fetched(),
        also: &fetched,
    };
    let mut asked = asking.ask(&states, notes).await;
    if let Err(failure @ Failure::Fault(fault)) = &asked
        && fault.kind == FaultKind::StateRefused
    {
        known.forget(&owner, request);
        pen.again(failure);
        asking.call.mark = pen.mark();
        asking.call.parting = parting(pen);
        asked = Box::pin(asking.ask(&TurnStates::refused(), notes)).await;
        notes.push(Note::Omitted("messages.reasoning".to_owned()));
    }
    let outcome = asked.map_err(|failure| match failure {
        Failure::Fault(mut fault) => {
            say_clients_param(&mut fault, dialect, request);
            Failure::Fault(fault)
        }
        other => other,
    })?;
    Ok(Attempted {
        channel: server.channel.settings.name.clone(),
        model: None,
        notes: std::mem::take(notes),
        outcome,
    })
}

/// What is asked of one channel, whatever goes with it of earlier turns.
struct Asking<'a> {
    caller: &'a Caller,
    request: &'a ValidRequest,
    call: Call,
    fetched: &'a Fetched,
    /// What is done in another way than asked before anything is translated.
    also: &'a [Note],
}

impl Asking<'_> {
    /// Asks once, with these states. `notes`: what this translation does in another way than asked, known before
    /// anything is sent.
    async fn ask(&self, states: &TurnStates, notes: &mut Vec<Note>) -> Result<Outcome, Failure> {
        let (request, serving) = (self.request, &self.call.server.serving);
        let translate = |choices: u32| -> Result<ProviderRequest, Failure> {
            let context = Context {
                provider_files: self.call.server.channel.settings.provider_files,
                states,
                fetched: self.fetched,
                choices,
            };
            let translated = encode(request, serving, &context).map_err(Failure::Unsupported)?;
            let accepted = self.caller.accept(&translated.notes);
            accepted.map_err(Failure::Unsupported)?;
            Ok(translated)
        };
        let most = serving.quirks.n_max.max(1);
        if request.n <= most {
            let mut translated = translate(request.n)?;
            *notes = std::mem::take(&mut translated.notes);
            notes.extend_from_slice(self.also);
            self.goes_out();
            return self.call.make(translated).await;
        }
        let shares = fan_out::Shares::new(request.n, most, translate)?;
        *notes = shares.notes();
        notes.push(Note::Emulated("n".to_owned()));
        notes.extend_from_slice(self.also);
        self.goes_out();
        Box::pin(fan_out::make(self.call.clone(), shares)).await
    }

    /// Writes down when it goes to the provider, where something had to be fetched before.
    fn goes_out(&self) {
        if !self.also.is_empty() {
            self.call.mark.sent();
        }
    }
}
