//! Pages that an answer's text cites, in chat's form.

use tollgate_chat::{
    event::Citation,
    object::{Object, items},
};

/// The pages in a text's `annotations`. Places are counted in the text that they belong to, which begins
/// after so many characters of the whole. Files and what else may be cited have no form in chat.
pub fn of_text(annotations: &str, begins: u64) -> Vec<Citation> {
    let annotations = items(annotations).unwrap_or_default().into_iter();
    annotations.filter_map(|json| read(json, begins)).collect()
}

/// The same of one annotation.
pub fn of_one(annotation: &str, begins: u64) -> Option<Citation> {
    read(annotation, begins)
}

/// Whether some of a text's `annotations` are no pages.
pub fn has_others(annotations: &str) -> bool {
    let annotations = items(annotations).unwrap_or_default().into_iter();
    let others = annotations.filter(|json| read(json, 0).is_none());
    others.count() > 0
}

fn read(json: &str, begins: u64) -> Option<Citation> {
    let annotation = Object::parse(json).ok()?;
    if annotation.get("type") != Some("\"url_citation\"") {
        return None;
    }
    let place = |name| annotation.read::<u64>(name).map(|at| begins.saturating_add(at));
    Some(Citation {
        url: annotation.read("url")?,
        title: annotation.read("title").unwrap_or_default(),
        start: place("start_index")?,
        end: place("end_index")?,
    })
}
