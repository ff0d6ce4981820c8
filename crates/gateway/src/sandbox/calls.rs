//! Calls in the form in which the embedded model writes them: the form itself, and the way back.
//!
//! SmolLM2 was taught to write calls as a JSON list between two tags. The same form is put into its
//! prompt, forced upon its answer where a call is required, and read here as it comes.

use tollgate_engine::{Grammar, JsonForm};

/// What begins the calls. Whatever the model writes before it is text.
pub const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// Most calls of one answer: a small model does not know when to stop.
const CALLS_LIMIT: u32 = 4;

const NAME: &str = "\"name\": \"";
const ARGUMENTS: &str = "\"arguments\": ";

/// A call as text, in the form that the model writes.
pub fn written(calls: &[(String, String)]) -> String {
    let calls = calls
        .iter()
        .map(|(name, arguments)| format!("{{{NAME}{name}\", {ARGUMENTS}{arguments}}}"));
    format!("{OPEN}[{}]{CLOSE}", calls.collect::<Vec<_>>().join(", "))
}

/// Calls as a remark, which is no example of how to write one.
pub fn in_words(calls: &[(String, String)]) -> String {
    let calls = calls
        .iter()
        .map(|(name, arguments)| format!("(I used {name} with {arguments}.)"));
    calls.collect::<Vec<_>>().join("\n")
}

/// A function that can be called.
pub struct Callable {
    pub name: String,
    pub arguments: JsonForm,
    /// Whether a call can have arguments at all.
    pub takes_arguments: bool,
}

/// The list of calls; `parallel`: more than one may be made. A function that takes no arguments is called
/// only first: another call to it would say nothing.
pub fn list(functions: impl IntoIterator<Item = Callable>, parallel: bool) -> Grammar {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for function in functions {
        let call = Grammar::Sequence(vec![
            Grammar::Literal(format!("{{{NAME}{}\", {ARGUMENTS}", function.name)),
            Grammar::Json(function.arguments),
            Grammar::Literal("}".to_owned()),
        ]);
        if function.takes_arguments {
            others.push(call.clone());
        }
        first.push(call);
    }
    let mut list = vec![Grammar::Literal("[".to_owned()), Grammar::Either(first)];
    if parallel && !others.is_empty() {
        let another = Grammar::Sequence(vec![Grammar::Literal(", ".to_owned()), Grammar::Either(others)]);
        list.push(Grammar::AtMost(CALLS_LIMIT - 1, Box::new(another)));
    }
    list.push(Grammar::Literal(format!("]{CLOSE}")));
    Grammar::Sequence(list)
}

/// Where an answer may begin its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// After any text.
    Anywhere,
    /// Before all else, or not at all: JSON may hold the mark of calls as any other text.
    AtTheStart,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Text(String),
    /// A call begins.
    Name(String),
    /// A piece of its arguments.
    Arguments(String),
}

/// Tells calls from text, piece by piece.
#[derive(Debug)]
pub struct CallReader {
    place: Where,
    state: State,
    /// What cannot be told yet.
    held: String,
}

#[derive(Debug)]
enum State {
    Text,
    /// Text, and nothing but text will come.
    TextOnly,
    /// Outside of arguments: the next name comes, or the end.
    Between,
    Name,
    /// Between a name and its arguments.
    Colon,
    Arguments(Nesting),
}

/// Where in the arguments the next letter stands.
#[derive(Debug, Default)]
struct Nesting {
    open: usize,
    in_string: bool,
    escaped: bool,
}

impl CallReader {
    pub fn new(place: Where) -> Self {
        Self {
            place,
            state: State::Text,
            held: String::new(),
        }
    }

    pub fn take(&mut self, piece: &str) -> Vec<Told> {
        let mut told = Vec::new();
        let mut rest = piece;
        if let State::Text = self.state {
            self.held.push_str(piece);
            let begins = self.held.len().min(OPEN.len());
            if self.place == Where::AtTheStart && self.held.as_bytes()[..begins] != OPEN.as_bytes()[..begins]
            {
                self.state = State::TextOnly;
                push_text(&mut told, std::mem::take(&mut self.held));
                return told;
            }
            let Some(at) = self.held.find(OPEN) else {
                let waits = (1..OPEN.len())
                    .rev()
                    .find(|length| self.held.ends_with(&OPEN[..*length]));
                let waiting = self.held.split_off(self.held.len() - waits.unwrap_or(0));
                push_text(&mut told, std::mem::replace(&mut self.held, waiting));
                return told;
            };
            // What was held ends within the mark, so what follows the mark is of this piece.
            let after = self.held.len() - at - OPEN.len();
            rest = &piece[piece.len() - after..];
            self.held.truncate(at);
            push_text(&mut told, std::mem::take(&mut self.held));
            self.state = State::Between;
        }
        if let State::TextOnly = self.state {
            push_text(&mut told, rest.to_owned());
            return told;
        }
        let mut arguments = String::new();
        for letter in rest.chars() {
            self.take_letter(letter, &mut arguments, &mut told);
        }
        push_arguments(&mut told, arguments);
        told
    }

    /// What was held back as a possible mark and was none, where nothing comes any more.
    pub fn end(&mut self) -> String {
        match self.state {
            State::Text => std::mem::take(&mut self.held),
            _ => String::new(),
        }
    }

    fn take_letter(&mut self, letter: char, arguments: &mut String, told: &mut Vec<Told>) {
        match &mut self.state {
            State::Text | State::TextOnly => {}
            State::Between => {
                self.held.push(letter);
                if self.held.ends_with(NAME) {
                    self.held.clear();
                    self.state = State::Name;
                }
            }
            State::Name if letter == '"' => {
                told.push(Told::Name(std::mem::take(&mut self.held)));
                self.state = State::Colon;
            }
            State::Name => self.held.push(letter),
            State::Colon => {
                self.held.push(letter);
                if self.held.ends_with(ARGUMENTS) {
                    self.held.clear();
                    self.state = State::Arguments(Nesting::default());
                }
            }
            State::Arguments(nesting) => {
                arguments.push(letter);
                if nesting.ends_with(letter) {
                    push_arguments(told, std::mem::take(arguments));
                    self.state = State::Between;
                }
            }
        }
    }
}

impl Nesting {
    /// Takes a letter; whether the value is whole with it. Arguments are an object.
    fn ends_with(&mut self, letter: char) -> bool {
        if self.in_string {
            match letter {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match letter {
            '"' => self.in_string = true,
            '{' | '[' => self.open += 1,
            '}' | ']' => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        self.open == 0
    }
}

fn push_text(told: &mut Vec<Told>, text: String) {
    if !text.is_empty() {
        told.push(Told::Text(text));
    }
}

fn push_arguments(told: &mut Vec<Told>, arguments: String) {
    if !arguments.is_empty() {
        told.push(Told::Arguments(arguments));
    }
}

#[cfg(test)]
mod tests;
