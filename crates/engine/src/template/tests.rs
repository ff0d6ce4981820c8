use super::*;

fn chat_ml() -> ChatTemplate {
    ChatTemplate::new(
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m.content.strip() }}<|im_end|>\n\
         {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
            .to_owned(),
    )
    .expect("the template is sound")
}

fn template(text: &str) -> Piece {
    Piece::Template(text.to_owned())
}

#[test]
fn messages_stand_between_the_pieces_of_the_template() {
    let pieces = chat_ml().render(&[Role::System, Role::User]).unwrap();
    assert_eq!(
        pieces,
        [
            template("<|im_start|>system\n"),
            Piece::Message(0),
            template("<|im_end|>\n<|im_start|>user\n"),
            Piece::Message(1),
            template("<|im_end|>\n<|im_start|>assistant\n"),
        ]
    );
}

#[test]
fn a_conversation_without_messages_still_asks_for_an_answer() {
    assert_eq!(
        chat_ml().render(&[]).unwrap(),
        [template("<|im_start|>assistant\n")]
    );
}

#[test]
fn a_template_that_is_no_jinja_is_an_error() {
    assert!(ChatTemplate::new("{% for %}".to_owned()).is_err());
}
