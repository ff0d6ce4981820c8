//! `tollgate explain`: what became of one request, as the running gate remembers it, else as the books have it.

mod recorded;

use clap::Args;
use tollgate_gateway::{ToldAnswer, ToldAttempt, ToldBill, ToldChannel, ToldStory};
use tollgate_store::{OpenError, Store};

use self::recorded::Recorded;
use super::Listing;
use crate::{
    admin_client::{self, Told},
    config::Config,
    error::CliError,
    print,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tollgate explain req_1a1ffe02eff3647307fd50000002a")]
pub struct Explain {
    /// The request's ID, from the answer's header x-tollgate-request-id or the log
    #[arg(value_name = "REQUEST_ID")]
    id: String,
    #[command(flatten)]
    listing: Listing,
}

pub async fn run(command: Explain, config: &Config) -> Result<(), CliError> {
    let Explain { id, listing } = command;
    // Nothing else can stand in an ID of ours, nor be sent as a part of a path.
    if !id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(CliError::NoSuchRequest(id));
    }
    let path = format!("/admin/v1/requests/{id}");
    let story: ToldStory = match admin_client::ask(config.server.admin_listen, &path).await {
        Told::Document(story) => story,
        Told::Refusal => return from_books(&id, CliError::NoSuchRequest(id.clone()), listing, config).await,
        Told::Nothing => {
            return from_books(&id, CliError::NoGate(config.server.admin_listen), listing, config).await;
        }
    };
    if listing.json {
        return print::json(&story);
    }
    print::line(&written(&story))
}

/// What the books have of a request of which no gate tells the story. Fails with `unknown` where they have nothing.
async fn from_books(id: &str, unknown: CliError, listing: Listing, config: &Config) -> Result<(), CliError> {
    let store = match Store::open_existing(&config.database).await {
        // No books are books without this request.
        Err(OpenError::NotThere { .. }) => return Err(unknown),
        opened => opened?,
    };
    let found = Recorded::find(id, &store).await;
    store.close().await;
    let recorded = found?.ok_or(unknown)?;
    if listing.json {
        return print::json(&recorded);
    }
    print::line(&recorded.written())
}

/// The story as people read it.
fn written(story: &ToldStory) -> String {
    let mut parts = vec![summary(story)];
    if !story.route.is_empty() {
        let rows = story.route.iter().map(|channel| {
            [
                channel.channel.clone().unwrap_or_default(),
                channel.model.clone(),
                state(channel),
            ]
        });
        parts.push(print::columns(["CHANNEL", "MODEL", "STATE"], rows));
    }
    if !story.attempts.is_empty() {
        let head = [
            "ATTEMPT",
            "CHANNEL",
            "MODEL THERE",
            "DIALECT",
            "BEGAN",
            "SENT",
            "FIRST BYTE",
            "FIRST OUTPUT",
            "ENDED",
            "OUTCOME",
        ];
        parts.push(print::columns(
            head,
            story.attempts.iter().enumerate().map(attempt),
        ));
    }
    if story.left_out > 0 {
        let left_out = story.left_out;
        parts.push(format!(
            "{left_out} further channels or attempts had no place here."
        ));
    }
    parts.join("\n\n")
}

fn summary(story: &ToldStory) -> String {
    let mut lines = vec![("request", story.request_id.clone())];
    if let Some(id) = &story.client_request_id {
        lines.push(("client's ID", id.clone()));
    }
    let key = story
        .key
        .as_ref()
        .map(|key| format!(", key {}… ({})", key.prefix, key.name));
    lines.push((
        "arrived",
        format!(
            "{}, from {}{}",
            story.arrived,
            story.client,
            key.unwrap_or_default()
        ),
    ));
    if let Some(model) = &story.model {
        let form = if story.stream {
            "a stream"
        } else {
            "a whole answer"
        };
        lines.push(("asked", format!("{model} for {form}")));
    }
    lines.push(("outcome", story.outcome.clone()));
    if let Some(id) = &story.repeats {
        lines.push(("repeats", id.clone()));
    }
    lines.push(("answer", answer(&story.answer)));
    if let Some(usage) = &story.answer.usage {
        let parts = |parts: &[(u64, &str)]| {
            let parts = parts.iter().filter(|(tokens, _)| *tokens > 0);
            let parts: Vec<String> = parts.map(|(tokens, class)| format!("{tokens} {class}")).collect();
            match parts.is_empty() {
                true => String::new(),
                false => format!(" ({})", parts.join(", ")),
            }
        };
        let prompt = parts(&[
            (usage.cached_tokens, "cached"),
            (usage.cache_write_tokens, "written to the cache"),
            (usage.cache_write_1h_tokens, "of those for an hour"),
            (usage.prompt_audio_tokens, "of audio"),
            (usage.cached_audio_tokens, "of audio from the cache"),
        ]);
        let completion = parts(&[
            (usage.reasoning_tokens, "reasoning"),
            (usage.completion_image_tokens, "of images"),
            (usage.completion_audio_tokens, "of audio"),
        ]);
        let (read, written) = (usage.prompt_tokens, usage.completion_tokens);
        lines.push((
            "tokens",
            format!("{read} prompt{prompt}, {written} completion{completion}"),
        ));
    }
    if let Some(bill) = &story.bill {
        lines.push(("bill", in_money(bill)));
    }
    for (number, note) in story.notes.iter().enumerate() {
        lines.push((if number == 0 { "changed" } else { "" }, visible(note)));
    }
    let lines = lines.iter().map(|(name, value)| format!("{name:<13}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What was held and charged.
fn in_money(bill: &ToldBill) -> String {
    let mut parts = vec![match (&bill.charge, &bill.rates) {
        (Some(charge), Some(rates)) => format!("${charge} at {rates}"),
        (Some(charge), None) => format!("${charge}"),
        (None, _) => "no price is known, nothing is charged".to_owned(),
    }];
    if let Some(tier) = &bill.service_tier {
        parts.push(match bill.at_standard_price {
            true => format!("service tier {tier}, which has no price of its own here"),
            false => format!("service tier {tier}"),
        });
    }
    if let Some(cost) = bill
        .cost
        .as_ref()
        .filter(|cost| Some(*cost) != bill.charge.as_ref())
    {
        parts.push(format!("${cost} to the operator"));
    }
    if let Some(lost) = &bill.lost_cost {
        parts.push(format!(
            "about ${lost} to the operator for attempts that were left or broke"
        ));
    }
    if bill.held != "0.00" {
        parts.push(format!("${} were held", bill.held));
    }
    if let Some(overrun) = &bill.overrun {
        parts.push(format!("${overrun} more than that"));
    }
    if bill.estimated {
        parts.push("tokens counted here".to_owned());
    }
    parts.join(", ")
}

/// What reached the client.
fn answer(answer: &ToldAnswer) -> String {
    let Some(status) = answer.status else {
        return format!("none; the client left after {}", milliseconds(answer.duration_ms));
    };
    let mut parts = vec![match &answer.channel {
        Some(channel) => format!("{status} from {channel}"),
        None => status.to_string(),
    }];
    if let Some(model) = &answer.model {
        parts.push(format!("answered by {model}"));
    }
    for (reason, choices) in &answer.finish {
        parts.push(match choices {
            1 => format!("finish {reason}"),
            choices => format!("finish {reason} × {choices}"),
        });
    }
    if let Some(error) = &answer.error {
        parts.push(format!("error {}", error.code));
        if let Some(param) = &error.param {
            parts.push(format!("param {}", visible(param)));
        }
    }
    if answer.pieces > 0 {
        let pieces = if answer.pieces == 1 { "piece" } else { "pieces" };
        parts.push(format!("{} bytes in {} {pieces}", answer.bytes, answer.pieces));
    }
    if let Some(first) = answer.first_output_ms {
        parts.push(format!("first output after {}", milliseconds(first)));
    }
    parts.push(format!("all after {}", milliseconds(answer.duration_ms)));
    parts.join(", ")
}

fn state(channel: &ToldChannel) -> String {
    let reason = match channel.reason.as_deref() {
        None => "",
        Some("pinned") => "the request's headers leave it out",
        Some("not_for_key") => "the API key may not use it",
        Some("breaker_open") => "breaker open",
        Some("probed") => "another request probes whether it is well again",
        Some("channel_rests") => "credential or quota: resting",
        Some("model_rests") => "rate limit: resting",
        Some("full") => "as many attempts as it may have",
        Some("no_price") => "nobody knows what it costs there",
        Some("not_served") => "nobody serves it",
        Some("takes_no_images") => "it takes no images",
        Some("takes_no_videos") => "it takes no videos",
        Some("takes_no_audio") => "it takes no sound",
        Some("takes_no_files") => "it takes no files",
        Some("takes_no_provider_files") => "it takes no files of the provider's own storage",
        Some("takes_no_tools") => "it takes no tools",
        Some("takes_no_functions") => "it takes no functions",
        Some("context_too_short") => "the prompt is longer than its context",
        Some("not_allowed") => "its contract does not allow the request",
        Some(other) => other,
    };
    let left = channel.left_ms.map(|left| format!(" for {}", milliseconds(left)));
    let forced = if channel.forced {
        ", although to be left alone"
    } else {
        ""
    };
    let state = channel.state.replace('_', " ");
    match reason.is_empty() {
        true => format!("{state}{forced}"),
        false => format!("{state}: {reason}{}", left.unwrap_or_default()),
    }
}

fn attempt((number, attempt): (usize, &ToldAttempt)) -> [String; 10] {
    let moment = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), milliseconds);
    let status = attempt.status.filter(|status| *status != 200);
    let told: Vec<String> = status
        .map(|status| format!("status {status}"))
        .into_iter()
        .chain(attempt.error.clone())
        .collect();
    let outcome = match told.is_empty() {
        true => attempt.outcome.clone(),
        false => format!("{}: {}", attempt.outcome, told.join(", ")),
    };
    [
        (number + 1).to_string(),
        attempt.channel.clone(),
        attempt
            .provider_model
            .clone()
            .unwrap_or_else(|| attempt.model.clone()),
        attempt.dialect.clone().unwrap_or_default(),
        milliseconds(attempt.began_ms),
        moment(attempt.sent_ms),
        moment(attempt.first_byte_ms),
        moment(attempt.first_output_ms),
        milliseconds(attempt.ended_ms),
        outcome,
    ]
}

fn milliseconds(time: u64) -> String {
    format!("{time} ms")
}

/// A client's own name for something may hold anything.
fn visible(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { '?' } else { character })
        .collect()
}

#[cfg(test)]
mod tests;
