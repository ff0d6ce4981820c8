//! Thoughts stay with the credential, the API key and the family that they came from.

use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, complains},
};

use super::{
    ANSWER, GEMINI, SIGNATURE, THINKERS, asked, continued, kept_by_client::kept_by_the_client, last_sent,
    lost::forgives, plain, question, weather,
};
use crate::stage::{gate_to, setup};

#[tokio::test]
async fn thoughts_of_one_credential_are_not_sent_to_another() {
    for (preset, model) in &THINKERS[..4] {
        let first = FakeProvider::start_with(weather()).await;
        let second = FakeProvider::start_with(weather()).await;
        let gate = setup()
            .channel(
                Channel::of(preset, &first)
                    .models([*model])
                    .api_key("first-credential"),
            )
            .channel(
                Channel::of(preset, &second)
                    .named("spare")
                    .api_key("second-credential")
                    .models([*model])
                    .set("priority", "1"),
            )
            .start()
            .await;
        let turn = asked(&gate, &question(model), false).await;
        first.always(complains(529, "overloaded_error", "busy"));

        let answer = asked(
            &gate,
            &continued(question(model), plain(turn.tool_calls())),
            false,
        )
        .await;

        assert_eq!(answer.text(), ANSWER, "{model}");
        let sent = last_sent(&second).to_string();
        assert!(!sent.contains(SIGNATURE), "{model}: {sent}");
    }
}

#[tokio::test]
async fn thoughts_of_one_api_key_are_not_used_for_another() {
    let (preset, model) = GEMINI;
    let provider = FakeProvider::start_with(weather()).await;
    let gate = gate_to(&provider, preset, model).await;
    let first = asked(&gate, &question(model), false).await;
    let other = gate.create_key(&["--name", "other"]).await;

    let second = continued(question(model), plain(first.tool_calls()));
    let answer = gate.post_with(&other, &second).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!last_sent(&provider).to_string().contains(SIGNATURE));
}

#[tokio::test]
async fn another_family_gets_a_conversation_without_thoughts_that_are_not_its_own() {
    for (from, from_model) in THINKERS {
        for (to, to_model) in THINKERS.into_iter().filter(|(to, _)| *to != from) {
            let (first, second) = (
                FakeProvider::start_with(weather()).await,
                FakeProvider::start_with(weather()).await,
            );
            let gate = setup()
                .channel(Channel::of(from, &first).models([from_model]))
                .channel(Channel::of(to, &second).models([to_model]))
                .start()
                .await;
            forgives(&second, to);
            let turn = asked(&gate, &question(from_model), false).await;
            let plain = plain(turn.tool_calls());
            let forms = kept_by_the_client(from, plain.clone());
            for (form, assistant) in forms.into_iter().chain([("dropped", plain)]) {
                let answer = asked(&gate, &continued(question(to_model), assistant), false).await;

                assert_eq!(answer.text(), ANSWER, "{from_model} to {to_model}: {form}");
                let sent = last_sent(&second).to_string();
                for word in [SIGNATURE, "thinking_blocks", "extra_content", "__thought__"] {
                    assert!(
                        !sent.contains(word),
                        "{from_model} to {to_model}: {word} in {sent}"
                    );
                }
            }
        }
    }
}
