//! Media: put inline where the provider does not fetch, and images out of places where it takes none.

use tollgate_catalog::quirks::MediaSource;
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

use super::{MessageEditor, nulls};
use crate::{conversation, data_uri, request::Unsupported};

/// Images that wait for a message that may hold them, each a part as JSON.
#[derive(Debug, Default)]
pub struct Waiting<'a> {
    /// Of tools' results: they go right after the results.
    results: Vec<String>,
    /// That the model drew, in the message of that index: they go into the next message of the user.
    drawn: Vec<(usize, String)>,
    left_out: bool,
    /// Places that images were taken from, as paths for the client.
    moved: Vec<String>,
    /// The message before the next one.
    last: Option<&'a str>,
}

impl<'a> Waiting<'a> {
    /// Whether some image found no place.
    pub fn left_out(&self) -> bool {
        self.left_out || !self.drawn.is_empty()
    }

    /// The places that images went from to other messages, as paths for the client.
    pub fn moved(self) -> impl Iterator<Item = String> {
        self.moved.into_iter()
    }

    pub fn after(&mut self, message: &'a str) {
        self.last = Some(message);
    }

    /// Everything that waits, for a message of the user.
    pub fn take_all(&mut self) -> impl Iterator<Item = String> + use<'a> {
        let results = std::mem::take(&mut self.results);
        let drawn = std::mem::take(&mut self.drawn);
        for (at, _) in &drawn {
            self.has_moved(format!("messages[{at}].images"));
        }
        results.into_iter().chain(drawn.into_iter().map(|(_, part)| part))
    }

    fn has_moved(&mut self, from: String) {
        if self.moved.last() != Some(&from) {
            self.moved.push(from);
        }
    }

    /// Puts images of results, if some wait, into a message of their own.
    pub fn insert_results(&mut self, edits: &mut Edits<'a>) {
        let images = std::mem::take(&mut self.results);
        if let Some(last) = self.last.filter(|_| !images.is_empty()) {
            let content = images.join(",");
            let message = format!(",{{\"role\":\"user\",\"content\":[{content}]}}");
            edits.replace(&last[last.len()..], message);
        }
    }
}

/// Where the message of that index refers into a provider's own storage, as a path for the client.
pub fn place_of_stored(messages: &str, at: usize) -> String {
    let message = items(messages).unwrap_or_default().get(at).copied();
    let message = message.and_then(|message| Object::parse(message).ok());
    let content = message.as_ref().and_then(|message| message.present("content"));
    let parts = items(content.unwrap_or_default()).unwrap_or_default();
    let place = parts.iter().position(|part| is_stored(part));
    match place {
        Some(place) => format!("messages[{at}].content[{place}]"),
        None => format!("messages[{at}].content"),
    }
}

/// Whether a part names its medium by an ID, or by an address that is neither data nor on the web.
fn is_stored(part: &str) -> bool {
    const HOLDERS: [&str; 4] = ["image_url", "video_url", "input_audio", "file"];
    const ADDRESSES: [&str; 3] = ["url", "file_data", "data"];
    let Ok(part) = Object::parse(part) else {
        return false;
    };
    let holders = HOLDERS.into_iter().filter_map(|name| part.present(name));
    let is_elsewhere = |address: &str| address.contains("://") && !is_web(address);
    holders
        .filter_map(|holder| Object::parse(holder).ok())
        .any(|holder| {
            let addresses = ADDRESSES
                .into_iter()
                .filter_map(|name| conversation::text(&holder, name));
            holder.present("file_id").is_some() || addresses.into_iter().any(|address| is_elsewhere(&address))
        })
}

impl MessageEditor<'_, '_> {
    /// Takes an image of the model's own along to the next turn, or leaves it out.
    pub(super) fn wait_drawn(&mut self, part: &str) {
        match self.image_part(part).filter(|_| self.rules.reads_images) {
            Some(part) => self.waiting.drawn.push((self.at, part)),
            None => self.waiting.left_out = true,
        }
    }

    /// Takes an image out of a tool's result.
    pub(super) fn wait_result(&mut self, place: usize, part: &str) -> Result<(), Unsupported> {
        let image = self
            .image_part(part)
            .ok_or_else(|| self.not_fetched(place, "image_url"))?;
        self.waiting.results.push(image);
        self.waiting.has_moved(format!("messages[{}].content", self.at));
        Ok(())
    }

    /// An image as a part of a user's message; `None` where the provider cannot get at it.
    fn image_part(&self, part: &str) -> Option<String> {
        let part = Object::parse(part).ok()?;
        let image = Object::parse(part.present("image_url")?).ok()?;
        let url = image.present("url")?;
        let url = match self.inlined(&image, "url", self.rules.quirks.images != MediaSource::Data) {
            Ok(Some(data)) => quote(&data),
            Ok(None) => url.to_owned(),
            Err(NotFetched) => return None,
        };
        Some(format!(
            "{{\"type\":\"image_url\",\"image_url\":{{\"url\":{url}}}}}"
        ))
    }

    /// Edits what a part says of its medium: its address, if that has to go, and nulls.
    pub(super) fn medium<'p>(
        &self,
        kind: &str,
        place: usize,
        holder: &'p str,
        edits: &mut Edits<'p>,
    ) -> Result<(), Unsupported> {
        let Ok(holder) = Object::parse(holder) else {
            return Ok(());
        };
        let quirks = self.rules.quirks;
        let (name, fetches) = match kind {
            "image_url" => ("url", quirks.images != MediaSource::Data),
            "video_url" => ("url", quirks.videos != MediaSource::Data),
            _ => ("file_data", quirks.file_urls),
        };
        let mut edit = ObjectEdit::of(&holder);
        nulls::strip_members(&holder, &mut edit, edits);
        match self.inlined(&holder, name, fetches) {
            Ok(Some(data)) => edit.set(name, quote(&data)),
            Ok(None) => {}
            Err(NotFetched) => return Err(self.not_fetched(place, kind)),
        }
        edit.finish(edits);
        Ok(())
    }

    /// The data URI in place of the address `name`; `None` where the address may stay.
    fn inlined(&self, holder: &Object<'_>, name: &str, fetches: bool) -> Result<Option<String>, NotFetched> {
        let Some(address) = conversation::text(holder, name).filter(|address| is_web(address)) else {
            return Ok(None);
        };
        match self.rules.context.fetched.get(&*address) {
            Some(medium) => Ok(Some(data_uri::join(&medium.media_type, &medium.base64))),
            None if fetches => Ok(None),
            None => Err(NotFetched),
        }
    }

    fn not_fetched(&self, place: usize, kind: &str) -> Unsupported {
        let (what, member) = match kind {
            "image_url" => ("image", "image_url.url"),
            "video_url" => ("video", "video_url.url"),
            _ => ("file", "file.file_data"),
        };
        Unsupported::new(
            format!("messages[{}].content[{place}].{member}", self.at),
            format!("the provider of this model does not fetch {what} URLs; send a data URI"),
        )
    }
}

/// An address that neither the provider nor the gate has fetched.
struct NotFetched;

fn is_web(address: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        address
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}
