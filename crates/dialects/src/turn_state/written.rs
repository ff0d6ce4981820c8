//! A turn's state as bytes, for gates that keep it for each other.

use serde::{Deserialize, Serialize};
use tollgate_chat::event::{Place, State};

use super::{Said, TurnState, content::TextMark};

/// Of this form; another one is not read.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Written {
    form: u8,
    pieces: Vec<(WrittenPlace, Box<str>)>,
    text_bytes: usize,
    text_hash: [u8; 32],
    calls: Vec<(u32, Box<str>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenPlace {
    Start,
    OnImage(u32),
    OnCall(u32),
    Order,
}

impl TurnState {
    pub fn to_bytes(&self) -> Vec<u8> {
        let piece = |State { place, json }: &State| (WrittenPlace::from(*place), json.clone());
        let written = Written {
            form: FORM,
            pieces: self.pieces.iter().map(piece).collect(),
            text_bytes: self.said.text.bytes,
            text_hash: self.said.text.hash,
            calls: self.said.calls.clone(),
        };
        serde_json::to_vec(&written).expect("names, numbers and texts are JSON")
    }

    /// Reads what [`Self::to_bytes`] has written. `None`: another version has, or nobody.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        if written.form != FORM {
            return None;
        }
        let piece = |(place, json): (WrittenPlace, Box<str>)| State {
            place: place.into(),
            json,
        };
        Some(Self {
            pieces: written.pieces.into_iter().map(piece).collect(),
            said: Said {
                text: TextMark {
                    bytes: written.text_bytes,
                    hash: written.text_hash,
                },
                calls: written.calls,
            },
        })
    }
}

impl From<Place> for WrittenPlace {
    fn from(place: Place) -> Self {
        match place {
            Place::Start => Self::Start,
            Place::OnImage(image) => Self::OnImage(image),
            Place::OnCall(call) => Self::OnCall(call),
            Place::Order => Self::Order,
        }
    }
}

impl From<WrittenPlace> for Place {
    fn from(place: WrittenPlace) -> Self {
        match place {
            WrittenPlace::Start => Self::Start,
            WrittenPlace::OnImage(image) => Self::OnImage(image),
            WrittenPlace::OnCall(call) => Self::OnCall(call),
            WrittenPlace::Order => Self::Order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was_and_what_another_form_has_is_not() {
        let state = TurnState {
            pieces: [Place::Start, Place::OnImage(1), Place::OnCall(2), Place::Order]
                .map(|place| State {
                    place,
                    json: r#"{"signature":"ab\"c"}"#.into(),
                })
                .into(),
            said: Said {
                text: TextMark::of("It is 31 degrees."),
                calls: vec![(0, "call-1".into())],
            },
        };
        let bytes = state.to_bytes();

        assert_eq!(TurnState::from_bytes(&bytes), Some(state));
        let other = String::from_utf8(bytes)
            .expect("it is JSON")
            .replace("\"form\":1", "\"form\":2");
        assert_eq!(TurnState::from_bytes(other.as_bytes()), None);
        assert_eq!(TurnState::from_bytes(b"\xff"), None);
    }
}
