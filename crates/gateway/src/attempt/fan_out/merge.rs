//! Whole answers, and chunks, of several requests as one answer's.

use bytes::Bytes;
use tollgate_catalog::contract::estimated_tokens;
use tollgate_chat::{
    answer::Answer,
    chunk::Head,
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
    usage::{CountedBy, Usage},
};
use tollgate_dialects::{Fault, FaultKind, Presentation};

use super::{Share, numbers::Numbers};
use crate::{
    buffered::Held,
    count::{belief::leaves_out, said_bytes},
    error::Failure,
};

/// One answer with the choices of all, in their order. What else an answer says is the first one's.
pub fn merge(answers: &[(Share, Answer, Held)], presentation: &Presentation) -> Result<Answer, Failure> {
    let mut choices = Vec::new();
    let mut numbers = Numbers::default();
    let mut usage = Usage::default();
    // Where none is, whoever settles the request sees to all of them.
    let any_is_counted = answers.iter().any(|(_, answer, _)| is_counted(answer));
    let mut finishes = Vec::new();
    for (share, answer, _) in answers {
        let object = parse(&answer.json)?;
        for choice in items(object.present("choices").unwrap_or("[]")).map_err(|_| unreadable())? {
            choices.push(renumbered(choice, *share, &mut numbers)?);
        }
        for finish in &answer.finishes {
            let mut finish = finish.clone();
            finish.choice = numbers.of(finish.choice, *share)?;
            finishes.push(finish);
        }
        usage = usage.plus(match any_is_counted {
            true => count_of(answer, presentation),
            false => answer.usage,
        });
    }
    let (_, first, _) = answers.first().ok_or_else(unreadable)?;
    let object = parse(&first.json)?;
    let mut edit = ObjectEdit::of(&object);
    edit.set("id", quote(&presentation.head.id));
    edit.set("created", presentation.head.created.to_string());
    edit.set("choices", format!("[{}]", choices.join(",")));
    edit.set("usage", usage.to_json(&presentation.shape.usage));
    let mut edits = Edits::of(object.text());
    edit.finish(&mut edits);
    Ok(Answer {
        json: Bytes::from(edits.finish()),
        usage,
        service_tier: answers
            .iter()
            .find_map(|(_, answer, _)| answer.service_tier.clone()),
        counted_by: counted_by(answers),
        finishes,
        unshown: answers
            .iter()
            .flat_map(|(_, answer, _)| answer.unshown.clone())
            .collect(),
    })
}

/// Where one of them was not counted, the sum is an estimate; the counts of the others stay in it all the same.
fn counted_by(answers: &[(Share, Answer, Held)]) -> CountedBy {
    let any = |is: fn(&Answer) -> bool| answers.iter().any(|(_, answer, _)| is(answer));
    match any(is_counted) {
        true if any(|answer| answer.counted_by.is_estimate() || !is_counted(answer)) => {
            CountedBy::ProviderButThePrompt
        }
        false if any(|answer| answer.counted_by == CountedBy::Gate) => CountedBy::Gate,
        _ => CountedBy::Provider,
    }
}

/// Whether its provider has counted it, in a way that can be.
fn is_counted(answer: &Answer) -> bool {
    let says_something = || answer.usage.completion == 0 && said_bytes(&answer.json) > 0;
    answer.counted_by != CountedBy::Gate && !leaves_out(&answer.usage, says_something())
}

/// What one of them used; an estimate where it was not counted.
fn count_of(answer: &Answer, presentation: &Presentation) -> Usage {
    if answer.counted_by == CountedBy::Gate || is_counted(answer) {
        return answer.usage;
    }
    Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(said_bytes(&answer.json)),
        ..Usage::default()
    }
}

/// A ready chunk with the client's indexes, and the ID and time of the whole answer.
pub fn chunk(json: &Bytes, share: Share, numbers: &mut Numbers, head: &Head) -> Result<Bytes, Failure> {
    let object = parse(json)?;
    let mut edits = Edits::of(object.text());
    for choice in items(object.present("choices").unwrap_or("[]")).map_err(|_| unreadable())? {
        edits.replace(choice, renumbered(choice, share, numbers)?);
    }
    let mut edit = ObjectEdit::of(&object);
    edit.set("id", quote(&head.id));
    edit.set("created", head.created.to_string());
    edit.finish(&mut edits);
    Ok(Bytes::from(edits.finish()))
}

fn renumbered(choice: &str, share: Share, numbers: &mut Numbers) -> Result<String, Failure> {
    let object = Object::parse(choice).map_err(|_| unreadable())?;
    let index = numbers.of(object.read("index").unwrap_or(0), share)?;
    let mut edit = ObjectEdit::of(&object);
    edit.set("index", index.to_string());
    let mut edits = Edits::of(object.text());
    edit.finish(&mut edits);
    Ok(edits.finish())
}

fn parse(json: &Bytes) -> Result<Object<'_>, Failure> {
    let text = std::str::from_utf8(json).map_err(|_| unreadable())?;
    Object::parse(text).map_err(|_| unreadable())
}

fn unreadable() -> Failure {
    Failure::Fault(Fault::new(FaultKind::Malformed, "an answer cannot be read again"))
}
