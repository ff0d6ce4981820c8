//! Asks a channel a small question, to see whether it answers.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderMap;
use jiff::Timestamp;
use tokio::time::timeout;
use tollgate_catalog::{channel::ChannelName, contract, model::ModelId};
use tollgate_chat::{chunk::Head, request::ChatRequest};
use tollgate_dialects::Presentation;

use crate::{
    attempt::{Asker, caller::Caller, fetch::Media, outcome, shape_of, try_channel},
    channel::Server,
    error::Failure,
    gate::Gate,
    request_id::RequestId,
    route::expected_cost,
    story::Story,
    validate::{check_limits, find_model},
};

/// How long a channel may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of asking one channel.
#[derive(Debug)]
pub struct ChannelTest {
    pub channel: ChannelName,
    /// The model that was asked.
    pub model: ModelId,
    pub took: Duration,
    pub failure: Option<TestFailure>,
}

/// Why there was no answer, without a word of the provider's own.
#[derive(Debug)]
pub struct TestFailure {
    /// As in the metrics.
    pub outcome: &'static str,
    pub told: String,
}

/// Asks the channel of this name for a few words, through its cheapest model or through `model`. `None`: there is
/// no such channel, or it does not serve the model. What comes of it changes nothing for requests.
pub async fn test_channel(
    gate: &Arc<Gate>,
    channel: &ChannelName,
    model: Option<&str>,
) -> Option<ChannelTest> {
    let (id, server) = server(gate, channel, model)?;
    let began = Instant::now();
    let failure = match timeout(PATIENCE, ask(gate, &id, &server)).await {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(TestFailure {
            outcome: "deadline",
            told: format!("no answer within {} s", PATIENCE.as_secs()),
        }),
    };
    Some(ChannelTest {
        channel: channel.clone(),
        model: id,
        took: began.elapsed(),
        failure,
    })
}

fn server(gate: &Gate, channel: &ChannelName, model: Option<&str>) -> Option<(ModelId, Server)> {
    let now = Timestamp::now();
    let channels = gate.channels.load();
    channels
        .servers_of(channel)
        .filter(|(id, _)| model.is_none_or(|model| id.as_str() == model))
        .min_by_key(|(_, server)| {
            let cost = expected_cost(server, 1_000, now);
            (cost.is_none(), cost)
        })
        .map(|(id, server)| (id.clone(), server.clone()))
}

impl From<Failure> for TestFailure {
    fn from(failure: Failure) -> Self {
        Self {
            outcome: outcome::label(&failure),
            told: outcome::for_log(&failure).to_string(),
        }
    }
}

async fn ask(gate: &Arc<Gate>, model: &ModelId, server: &Server) -> Result<(), TestFailure> {
    let body = serde_json::json!({
        "model": model.as_str(),
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "Answer with the word: ready"}],
    });
    let not_asked = |why: String| TestFailure {
        outcome: "unsupported",
        told: format!("this model does not take the question: {why}"),
    };
    let request =
        ChatRequest::parse(body.to_string().into()).map_err(|error| not_asked(error.to_string()))?;
    let found = find_model(gate, model.as_str()).map_err(|error| not_asked(error.to_string()))?;
    let request = contract::check(request, found, &check_limits(gate))
        .map_err(|violations| not_asked(violations.message()))?;
    let presentation = Arc::new(Presentation {
        head: Head {
            id: "chatcmpl-test".to_owned(),
            created: 0,
            model: model.to_string(),
            system_fingerprint: None,
        },
        shape: shape_of(&request),
        include_usage: false,
        estimated_prompt_tokens: request.estimated_prompt_tokens(),
    });
    let mut media = Media::default();
    // Nobody reads this story.
    let story = Story::begin(
        RequestId::new(&HeaderMap::new(), 0),
        Ipv4Addr::UNSPECIFIED.into(),
        None,
    );
    let asker = Asker {
        caller: &Caller::nobody(),
        departure: None,
        place: None,
        states: None,
        story: &story,
    };
    let told = (&mut media, &mut Vec::new());
    let tried = try_channel(gate, asker, &request, server, &presentation, told, None).await;
    tried.map_err(|failed| failed.failure)?;
    Ok(())
}
