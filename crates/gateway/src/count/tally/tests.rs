#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::json;
use tollgate_catalog::{
    contract::{self, check::CheckLimits},
    model::ToolTokens,
};
use tollgate_chat::request::ChatRequest;

use super::*;

/// A tally of a stream, or of a whole answer, of a prompt of twelve tokens by its bytes.
fn tally(stream: bool) -> Tally {
    let body = json!({"model": "gpt-4o", "stream": stream,
        "messages": [{"role": "user", "content": "What is a tollgate for?? Please tell"}]});
    let request = ChatRequest::parse(body.to_string().into()).unwrap();
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let mut model = Arc::clone(catalog.model("gpt-4o").unwrap());
    Arc::make_mut(&mut model).token_factor = 1.5;
    let request = contract::check(request, model, &CheckLimits { n_max: 1 }).unwrap();
    Tally::of(&request, &Counting::new())
}

fn says(tally: &mut Tally, text: &str) {
    let text = text.to_owned();
    tally.hear(&EventKind::Text { choice: 0, text });
}

fn thinks(tally: &mut Tally, text: &str) {
    let text = text.to_owned();
    tally.hear(&EventKind::Reasoning { choice: 0, text });
}

fn tells(tally: &mut Tally, prompt: u64, completion: u64) {
    tally.hear(&EventKind::Usage(Usage {
        prompt,
        completion,
        ..Usage::default()
    }));
}

/// Prompt, completion, reasoning, and whether it is an estimate.
fn count(tally: &Tally) -> (u64, u64, u64, bool) {
    let (usage, is_estimate) = tally.usage().unwrap();
    (usage.prompt, usage.completion, usage.reasoning, is_estimate)
}

fn counted(prompt: u64, reasoning: u64, said: u64) -> Counted {
    Counted {
        prompt: Some(prompt),
        reasoning,
        said,
    }
}

#[test]
fn before_an_answer_begins_there_is_no_count() {
    let tally = tally(true);

    assert_eq!((tally.usage(), tally.lacks()), (None, false));
}

#[test]
fn a_providers_count_at_the_end_is_the_count() {
    let mut tally = tally(true);
    says(&mut tally, "Hello");
    tells(&mut tally, 9, 2);
    tally.end();

    assert!(!tally.lacks(), "nobody has to count");
    assert_eq!(count(&tally), (9, 2, 0, false));
}

#[test]
fn what_nobody_counts_is_counted_times_the_owners_factor() {
    let mut tally = tally(true);
    thinks(&mut tally, "Well, well");
    says(&mut tally, "Hello there");
    tally.end();

    assert_eq!(count(&tally), (13, 6, 3, true), "four bytes are a token");
    assert!(tally.lacks());
    let texts = tally.texts();
    assert!(texts.request.is_some());
    tally.count(counted(8, 4, 6));

    assert!(!tally.lacks());
    // Twelve, and four around the message; six, and nine.
    assert_eq!(count(&tally), (12 + 4, 6 + 9, 6, true));
}

#[test]
fn a_count_that_came_before_the_first_word_is_not_of_what_was_said_after_it() {
    let mut tally = tally(true);
    tells(&mut tally, 40, 3);
    says(&mut tally, "Hello there");

    assert!(tally.lacks(), "it may have been left in the middle");
    assert_eq!(tally.texts().request, None, "the prompt has been counted");
    tally.count(counted(0, 0, 10));

    assert_eq!(count(&tally), (40, 15, 0, true));
}

#[test]
fn what_was_said_since_the_last_count_comes_on_top_of_it() {
    let mut tally = tally(true);
    says(&mut tally, "Hello");
    tells(&mut tally, 40, 100);
    says(&mut tally, "12345678");

    assert_eq!(count(&tally), (40, 102, 0, true));
    tells(&mut tally, 40, 101);
    assert_eq!(count(&tally), (40, 101, 0, false));
}

#[test]
fn a_count_that_no_answer_can_have_is_none() {
    for (prompt, completion) in [(1_000_000_000_000, 2), (9, 1_000_000_000_000)] {
        let mut tally = tally(true);
        says(&mut tally, "Hello");
        tells(&mut tally, prompt, completion);
        tally.end();

        assert!(tally.lacks());
        assert_eq!(count(&tally), (13, 2, 0, true));
        let told = tally.unbelieved().unwrap();
        assert_eq!((told.prompt, told.completion), (prompt, completion));
    }
}

#[test]
fn neither_a_prompt_nor_a_text_is_without_tokens() {
    for (prompt, completion) in [(0, 0), (9, 0), (0, 2)] {
        let mut tally = tally(true);
        says(&mut tally, "Hello");
        tells(&mut tally, prompt, completion);
        assert_eq!(tally.unbelieved(), None, "it may be filled in yet");
        tally.end();

        assert!(tally.lacks());
        assert_eq!(count(&tally), (13, 2, 0, true), "{prompt} and {completion}");
        let told = tally.unbelieved().unwrap();
        assert_eq!((told.prompt, told.completion), (prompt, completion));
    }
}

#[test]
fn a_count_of_the_prompt_alone_before_the_first_word_is_not_one_of_the_answer() {
    let mut tally = tally(true);
    tells(&mut tally, 9, 0);
    says(&mut tally, "Hello");
    tally.end();

    assert_eq!(count(&tally), (9, 2, 0, true));
    assert!(tally.unbelieved().is_some());
}

#[test]
fn a_count_that_came_with_the_opening_is_not_the_last_word_of_a_whole_answer() {
    // Words before and after the count, and what comes of one of 40 and 3.
    for (before, after, wanted) in [
        // Whoever counts with each piece of text is believed, though the count is read first.
        ("", "Hello there", (40, 3, 0, false)),
        ("", "Hello there, whoever you are", (40, 7, 0, true)),
        ("Hello", " there, whoever you may be", (40, 3 + 7, 0, true)),
    ] {
        let mut tally = tally(true);
        says(&mut tally, before);
        tells(&mut tally, 40, 3);
        says(&mut tally, after);
        tally.end();

        assert_eq!(count(&tally), wanted, "{before}/{after}");
        assert_eq!(tally.lacks(), wanted.3);
        assert_eq!(
            tally.unbelieved().is_some(),
            wanted.3,
            "an operator should know of it"
        );
    }
}

#[test]
fn a_count_that_is_filled_in_while_the_answer_goes_on_is_believed() {
    let mut tally = tally(true);
    tells(&mut tally, 0, 0);
    says(&mut tally, "Hello");
    tells(&mut tally, 9, 0);
    says(&mut tally, " there");
    tells(&mut tally, 9, 4);
    tally.end();

    assert_eq!(count(&tally), (9, 4, 0, false));
    assert_eq!(tally.unbelieved(), None);
}

#[test]
fn an_answer_that_says_nothing_may_have_no_tokens() {
    let mut tally = tally(true);
    tells(&mut tally, 9, 0);
    tally.end();

    assert_eq!(count(&tally), (9, 0, 0, false));
    assert_eq!(tally.unbelieved(), None);
}

#[test]
fn hidden_thoughts_and_searches_are_believed() {
    let mut tally = tally(true);
    says(&mut tally, "Yes");
    // Five times the context, as hosted tools read it, and an answer as long as the model can give.
    tells(&mut tally, 5 * 128_000, 128_000);
    tally.end();

    assert_eq!(count(&tally), (640_000, 128_000, 0, false));
}

#[test]
fn a_whole_answer_that_its_provider_counted_only_in_part_keeps_that_part() {
    let mut tally = tally(false);
    let usage = Usage {
        prompt: 13,
        completion: 5,
        ..Usage::default()
    };
    let answer = |counted_by| Answer {
        json: "{}".into(),
        usage,
        counted_by,
        service_tier: None,
        finishes: Vec::new(),
        unshown: Default::default(),
    };

    tally.answered(&answer(CountedBy::ProviderButThePrompt));
    assert_eq!((count(&tally), tally.lacks()), ((13, 5, 0, true), false));

    let mut tally = super::tests::tally(false);
    tally.answered(&answer(CountedBy::Gate));
    assert_eq!((count(&tally), tally.lacks()), ((13, 5, 0, true), true));
}

#[test]
fn what_a_provider_puts_before_tools_is_counted_where_the_gate_counts() {
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let mut model = Arc::clone(catalog.model("gpt-4o").unwrap());
    Arc::make_mut(&mut model).tool_tokens = ToolTokens {
        offered: 1_000,
        forced: 2_000,
    };
    let mut other = (*model).clone();
    other.tool_tokens = ToolTokens {
        offered: 30_000,
        forced: 40_000,
    };
    let tool = json!({"type": "function", "function": {"name": "look"}});
    for (tools, choice, expected) in [
        (json!(null), json!(null), [0, 0]),
        (json!([tool]), json!(null), [1_000, 30_000]),
        (json!([tool]), json!("none"), [1_000, 30_000]),
        (json!([tool]), json!("required"), [2_000, 40_000]),
        (
            json!([tool]),
            json!({"type": "function", "function": {"name": "look"}}),
            [2_000, 40_000],
        ),
    ] {
        let body = json!({"model": "gpt-4o", "stream": true, "tools": tools, "tool_choice": choice,
            "messages": [{"role": "user", "content": "What is a tollgate for?? Please tell"}]});
        let request = ChatRequest::parse(body.to_string().into()).unwrap();
        let request = contract::check(request, model.clone(), &CheckLimits { n_max: 1 }).unwrap();
        let text = about(&request);
        let mut tally = Tally::of(&request, &Counting::new());

        let asked = tally.about();
        says(&mut tally, "Hello");
        let uncounted = count(&tally).0;
        tally.answered_by(&other);
        tally.count(counted(10, 0, 1));

        assert_eq!([asked, uncounted], [text + expected[0]; 2], "{body}");
        assert_eq!(
            count(&tally).0,
            10 + 4 + expected[1],
            "of the one that answers: {body}"
        );
        tells(&mut tally, 50, 1);
        tally.end();
        assert_eq!(count(&tally).0, 50, "a provider's count has it all: {body}");
    }
}

#[test]
fn a_prompt_that_is_sent_for_each_choice_counts_each_time() {
    let mut tally = tally(true);
    tally.is_read(3);
    says(&mut tally, "Hello");

    assert_eq!(count(&tally).0, 39);
}

#[test]
fn what_was_said_behind_a_count_of_what_nobody_saw_is_added_to_it() {
    let mut tally = tally(true);
    let mut heard = Heard::default();
    let says = |heard: &mut Heard, bytes: usize| {
        heard.hear(&EventKind::Text {
            choice: 0,
            text: "x".repeat(bytes),
        });
    };
    says(&mut heard, 1_200);
    heard.hear(&EventKind::Usage(Usage {
        prompt: 100,
        completion: 300,
        ..Usage::default()
    }));
    says(&mut heard, 200);

    tally.read_on(&Read {
        heard: Some(heard),
        how: How::Slow,
    });

    assert_eq!(count(&tally), (100, 350, 0, true));
}
