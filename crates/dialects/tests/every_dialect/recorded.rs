//! Recorded streams of all protocols: it makes no difference whether they were asked for.

use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::EventKind;
use tollgate_dialects::{Dialect, Undo};
use tollgate_testkit::recordings::recordings;

use crate::harness::{assembled, decode_answer, decode_stream, shown, stream_decoder};

const APIS: [(&str, Dialect); 6] = [
    ("openai-chat", Dialect::OpenaiChat),
    ("openai-responses", Dialect::OpenaiResponses),
    ("anthropic-messages", Dialect::AnthropicMessages),
    ("vertex-anthropic", Dialect::AnthropicMessages),
    ("gemini", Dialect::Gemini),
    ("vertex-gemini", Dialect::Gemini),
];

#[test]
fn a_stream_that_nobody_asked_for_is_the_answer_that_it_makes_up_as_a_stream() {
    for (api, dialect) in APIS {
        let recordings = recordings(api).unwrap_or_default();
        let streams = recordings.iter().filter(|recording| recording.is_stream());
        let (mut read, mut refused) = (0, 0);
        for recording in streams {
            let body = &recording.response.body;
            let decoder = stream_decoder(dialect, &Quirks::default(), Undo::default());
            let streamed = decode_stream(decoder, [body.clone()]);
            let folded = decode_answer(dialect, &Quirks::default(), &Undo::default(), body);
            let id = &recording.id;
            match (&streamed.end, folded) {
                (Ok(()), Ok(folded)) => {
                    let kinds = streamed.kinds();
                    let counts = kinds.iter().any(|kind| matches!(kind, EventKind::Usage(_)));
                    let (streamed, folded) = (assembled(kinds), shown(&folded.answer));
                    assert_eq!(streamed["choices"], folded["choices"], "{id}");
                    assert!(!counts || streamed["usage"] == folded["usage"], "{id}");
                    read += 1;
                }
                (Err(told), Err(fault)) => {
                    assert_eq!(told, &fault, "{id}");
                    refused += 1;
                }
                (told, folded) => panic!("{id}: {told:?}, but {folded:?}"),
            }
        }
        assert!(
            recordings.is_empty() || read > refused,
            "{api}: {read} read, {refused} refused"
        );
    }
}
