//! Names of tools that Gemini takes: a letter or an underscore, then letters, digits, `_`, `.`, `:` and
//! `-`, 64 at most.

use std::collections::HashMap;

const LENGTH_LIMIT: usize = 64;

/// Gives each tool one name for the whole request, the client's own where that will do.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By the client's name.
    sent: HashMap<String, String>,
    /// The client's, by the name that is sent.
    taken: HashMap<String, String>,
}

impl Names {
    /// The name to send.
    pub fn send(&mut self, name: &str) -> String {
        if let Some(sent) = self.sent.get(name) {
            return sent.clone();
        }
        let fitting = fit(name);
        let mut candidate = fitting.clone();
        let mut number = 1;
        while self.taken.contains_key(&candidate) {
            number += 1;
            let ending = format!("_{number}");
            let room = LENGTH_LIMIT.saturating_sub(ending.len()).min(fitting.len());
            candidate = format!("{}{ending}", &fitting[..room]);
        }
        self.sent.insert(name.to_owned(), candidate.clone());
        self.taken.insert(candidate.clone(), name.to_owned());
        candidate
    }

    /// The client's names by those sent, where they differ.
    pub fn changed(self) -> HashMap<String, String> {
        let mut taken = self.taken;
        taken.retain(|sent, clients| sent != clients);
        taken
    }
}

/// ASCII, so that it may be cut anywhere.
fn fit(name: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_.:-".contains(character);
    let mut fitting: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if !fitting.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        fitting.insert(0, '_');
    }
    fitting.truncate(LENGTH_LIMIT);
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_will_do_stays_and_others_get_one_that_is_only_theirs() {
        let mut names = Names::default();
        assert_eq!(names.send("get_weather"), "get_weather");
        assert_eq!(names.send("2fast"), "_2fast");
        assert_eq!(names.send("_2fast"), "_2fast_2", "the first one has it already");
        assert_eq!(
            names.send("2fast"),
            "_2fast",
            "the same tool has the same name all along"
        );
        assert_eq!(names.send("wetter für morgen"), "wetter_f_r_morgen");
        let long = "x".repeat(70);
        assert_eq!(names.send(&long), "x".repeat(64));
        assert_eq!(names.send(&format!("{long}y")), format!("{}_2", "x".repeat(62)));
        let changed = names.changed();
        assert_eq!(changed.get("_2fast").map(String::as_str), Some("2fast"));
        assert_eq!(changed.get("get_weather"), None);
    }
}
