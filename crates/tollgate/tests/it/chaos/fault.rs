//! Everything that a provider may do to a request, the right thing too.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::provider::{
    Script, accepts_and_says_nothing, answer, answer_text, answers, answers_with, chunk, fails, hangs_up,
    resets, streams, streams_raw,
};

/// One way to treat a request.
pub struct Fault {
    pub name: &'static str,
    /// What the provider does; it would say the text.
    play: fn(&Saying<'_>) -> Script,
    /// What the client may come to see of it.
    effect: Effect,
    /// The same for streams, where it differs.
    streamed: Effect,
}

/// What a provider was going to say, and how.
struct Saying<'a> {
    text: &'a str,
    stream: bool,
}

/// What the gate makes of it when another channel is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The text is said whole.
    Answers,
    /// The text is said whole in a form that need not be understood.
    MayAnswer,
    /// Nobody but the next channel learns of it.
    Passes,
    /// It may end the request, with an error.
    MayEnd,
    /// It may go on until the client leaves.
    Endless,
}

impl Fault {
    pub fn named(name: &str) -> &'static Self {
        let named = FAULTS.iter().find(|fault| fault.name == name);
        named.unwrap_or_else(|| panic!("no fault is named {name}"))
    }

    pub fn effect(&self, stream: bool) -> Effect {
        if stream { self.streamed } else { self.effect }
    }

    pub fn script(&self, text: &str, stream: bool) -> Script {
        (self.play)(&Saying { text, stream })
    }
}

impl Saying<'_> {
    fn whole(&self) -> Script {
        match self.stream {
            true => streams(self.text.split_inclusive(' ')),
            false => answers(answer(self.text)),
        }
    }

    /// The first half; what follows is the caller's matter.
    fn half(&self) -> Script {
        let words: Vec<_> = self.text.split_inclusive(' ').collect();
        match self.stream {
            true => streams(words[..words.len() / 2].iter().copied()),
            false => {
                let whole = answer_text(self.text);
                answers_with(200, JSON, whole[..whole.len() - 20].to_owned())
            }
        }
    }

    /// One event where a stream is wanted, else one answer.
    fn one(&self, body: &str) -> Script {
        match self.stream {
            true => streams_raw([format!("data: {body}\n\n")]),
            false => answers_with(200, JSON, body.to_owned()),
        }
    }
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
/// Between the bytes of one that sends them one by one: less than any timeout.
const TRICKLE: Duration = Duration::from_millis(60);

fn error(message: &str) -> Value {
    json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}})
}

fn page() -> String {
    "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned()
}

/// Both kinds of request fare alike.
const fn both(name: &'static str, effect: Effect, play: fn(&Saying<'_>) -> Script) -> Fault {
    each(name, effect, effect, play)
}

const fn each(
    name: &'static str,
    effect: Effect,
    streamed: Effect,
    play: fn(&Saying<'_>) -> Script,
) -> Fault {
    Fault {
        name,
        play,
        effect,
        streamed,
    }
}

use Effect::{Answers, Endless, MayAnswer, MayEnd, Passes};

/// All of them. The first one is none.
pub static FAULTS: &[Fault] = &[
    both("fine", Answers, |say| say.whole()),
    both("late", Answers, |say| {
        say.whole().delays(Duration::from_millis(150))
    }),
    both("slow", Answers, |say| {
        say.whole().pauses(Duration::from_millis(30))
    }),
    both("mislabelled", Answers, |say| {
        say.whole().header("content-type", "text/plain")
    }),
    both("reset", Passes, |_| resets()),
    both("hang-up", Passes, |_| hangs_up()),
    // A whole answer may take as long as the request has.
    each("silent", MayEnd, Passes, |_| accepts_and_says_nothing()),
    both("silent-after-head", Passes, |say| match say.stream {
        true => streams_raw([] as [&str; 0]).then_stalls(),
        false => answers_with(200, JSON, "").then_stalls(),
    }),
    both("silent-after-role", Passes, |say| match say.stream {
        true => streams([]).then_stalls(),
        false => answers_with(200, JSON, "{").then_stalls(),
    }),
    each("silent-in-midst", Passes, MayEnd, |say| say.half().then_stalls()),
    each("cut-in-midst", Passes, MayEnd, |say| say.half().then_closes()),
    each("reset-in-midst", Passes, MayEnd, |say| say.half().then_resets()),
    each("ends-in-midst", Passes, MayEnd, |say| match say.stream {
        true => say.half().then_ends(),
        false => say.half(),
    }),
    each("error-in-midst", Passes, MayEnd, |say| match say.stream {
        true => say.half().then_complains("server_error", "boom"),
        false => say.one(&error("boom").to_string()),
    }),
    both("cut-after-role", Passes, |say| match say.stream {
        true => streams([]).then_closes(),
        false => answers_with(200, JSON, "{").then_closes(),
    }),
    both("truncated", Passes, |say| {
        let whole = match say.stream {
            true => chunk(json!({"content": say.text}), None).to_string(),
            false => answer_text(say.text),
        };
        say.one(&whole[..whole.len() - 9])
    }),
    both("nonsense", Passes, |say| say.one("[[1, \"two\"]]")),
    both("html", Passes, |_| {
        answers_with(200, &[("content-type", "text/html; charset=utf-8")], page())
    }),
    both("html-502", Passes, |_| {
        answers_with(502, &[("content-type", "text/html")], page())
    }),
    both("error-inside", Passes, |say| say.one(&error("boom").to_string())),
    both("nothing", Passes, |say| say.one("")),
    both("done-alone", Passes, |say| match say.stream {
        true => streams_raw(["data: [DONE]\n\n"]),
        false => answers(json!({"id": "x", "object": "chat.completion", "choices": []})),
    }),
    // Said in the other way than asked for, and with the label of the one that was asked for.
    both("the-other-kind", MayAnswer, |say| {
        let other = Saying {
            stream: !say.stream,
            ..*say
        };
        let label = if say.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        other.whole().header("content-type", label)
    }),
    both("429-soon", Passes, |_| {
        fails(429, "", "slow down").header("retry-after-ms", "40")
    }),
    both("429-later", Passes, |_| {
        fails(429, "", "slow down").header("retry-after", "30")
    }),
    both("429", Passes, |_| fails(429, "rate_limit_exceeded", "slow down")),
    both("500", Passes, |_| fails(500, "", "boom")),
    both("529", Passes, |_| fails(529, "overloaded_error", "busy")),
    both("503-for-good", Passes, |_| {
        fails(503, "", "busy").header("x-should-retry", "false")
    }),
    both("302", MayEnd, |_| {
        answers_with(302, &[("location", "http://127.0.0.1:9/")], "")
    }),
    both("401", Passes, |_| fails(401, "invalid_api_key", "no")),
    both("quota", Passes, |_| fails(429, "insufficient_quota", "pay")),
    both("404", Passes, |_| fails(404, "model_not_found", "what?")),
    both("400", MayEnd, |_| fails(400, "invalid_value", "odd")),
    both("error-stalls", Passes, |_| fails(500, "", "boom").then_stalls()),
    both("error-trickles", Passes, |_| {
        fails(500, "", &"boom".repeat(100)).byte_by_byte().pauses(TRICKLE)
    }),
    both("error-goes-on", Passes, |_| {
        answers_with(500, &[], "boom").then_goes_on()
    }),
    both("trickles", MayEnd, |say| {
        say.whole().byte_by_byte().pauses(TRICKLE)
    }),
    each("trickles-in-midst", MayEnd, Endless, |say| match say.stream {
        true => {
            let output = format!("data: {}\n\n", chunk(json!({"content": say.text}), None));
            streams_raw([output.into_bytes(), b":".to_vec()])
                .pauses(TRICKLE)
                .then_goes_on()
        }
        false => say.half().byte_by_byte().pauses(TRICKLE).then_stalls(),
    }),
    each("endless", Passes, Endless, |say| match say.stream {
        true => say.half().pauses(Duration::from_millis(5)).then_goes_on(),
        false => answers_with(200, JSON, "x".repeat(64 * 1024)).then_goes_on(),
    }),
    each("endless-roles", Passes, Endless, |say| match say.stream {
        true => streams([]).pauses(Duration::from_millis(2)).then_goes_on(),
        false => answers_with(200, JSON, " ".repeat(64 * 1024)).then_goes_on(),
    }),
    both("endless-pings", MayEnd, |_| {
        streams_raw([": ping\n\n"])
            .pauses(Duration::from_millis(5))
            .then_goes_on()
    }),
    both("endless-event", Passes, |_| {
        streams_raw([format!("data: {}", "x".repeat(64 * 1024))]).then_goes_on()
    }),
];
