//! A request's body on its way to the provider, in pieces: what is large and stands in the client's
//! body as it has to stand here is not copied.

use bytes::Bytes;
use tollgate_chat::json::quote;

/// From this length on a slice of the client's body is shared.
const SHARED: usize = 4_096;

/// The body written so far.
#[derive(Debug)]
pub struct Body<'a> {
    client: &'a Bytes,
    pieces: Vec<Bytes>,
    text: String,
}

impl<'a> Body<'a> {
    /// An empty body of a request whose client sent `client`.
    pub fn of(client: &'a Bytes) -> Self {
        Self {
            client,
            pieces: Vec::new(),
            text: String::new(),
        }
    }

    /// Appends JSON.
    pub fn json(&mut self, json: &str) {
        if json.len() < SHARED || !self.is_clients(json) {
            self.text.push_str(json);
            return;
        }
        if !self.text.is_empty() {
            self.pieces.push(Bytes::from(std::mem::take(&mut self.text)));
        }
        self.pieces.push(self.client.slice_ref(json.as_bytes()));
    }

    /// Appends a JSON string. Text that lies in the client's body was a string without escapes there,
    /// and so it is here.
    pub fn string(&mut self, text: &str) {
        if text.len() < SHARED || !self.is_clients(text) {
            self.text.push_str(&quote(text));
            return;
        }
        self.json("\"");
        self.json(text);
        self.json("\"");
    }

    /// Appends the name of an object's next member, which is not its first.
    pub fn name(&mut self, name: &str) {
        self.text.push(',');
        self.text.push_str(&quote(name));
        self.text.push(':');
    }

    /// The body in its pieces.
    pub fn finish(mut self) -> Vec<Bytes> {
        if !self.text.is_empty() {
            self.pieces.push(Bytes::from(self.text));
        }
        self.pieces
    }

    fn is_clients(&self, part: &str) -> bool {
        let client = self.client.as_ptr_range();
        let part = part.as_bytes().as_ptr_range();
        client.start <= part.start && part.end <= client.end
    }
}
