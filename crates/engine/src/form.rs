//! Keeps an answer in a form: tells before every token which ones may come.
//!
//! llguidance follows a grammar byte by byte over the model's own vocabulary. Control tokens, which end an
//! answer, are allowed together, and only where the form is complete.
//! Not here: what a form is good for, and how a JSON Schema becomes rules (`schema`).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::earley::SlicedBiasComputer;
use llguidance::{Matcher, ParserFactory};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use crate::load::Language;

pub use grammar::Grammar;
pub(crate) use grammar::quoted;

mod grammar;

/// A grammar that cannot be followed, as a rule because that takes too much memory or time. The text is the
/// library's and for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FormError {
    pub problem: String,
}

/// A form that is ready for use. A clone is for another answer.
pub struct Form(Matcher);

impl Clone for Form {
    fn clone(&self) -> Self {
        Self(self.0.deep_clone())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form")
    }
}

/// States of the lexer that a form may come to, about two kilobytes each.
const LEXER_STATES: usize = 20_000;

/// Ways to go on from one place, such as members of which any may come next.
const WAYS_ON: usize = 8_000;

/// Forms that are kept for other answers of the same kind: a client asks with the same schema again and again, and
/// a large one takes a second to read. They are kept as they were made, before an answer grows them.
const KEPT: usize = 8;

/// Makes forms for one vocabulary.
pub(crate) struct FormMaker {
    factory: ParserFactory,
    /// By the text of their grammar; the last used stands last.
    kept: Mutex<VecDeque<(String, Form)>>,
}

impl FormMaker {
    /// Takes some tenths of a second: tokens are sorted by what they may stand for.
    pub(crate) fn new(language: Arc<Language>) -> Result<Self, FormError> {
        let tokenizer = &language.tokenizer;
        let end = tokenizer.first_control().unwrap_or(0);
        let words: Vec<Vec<u8>> = (0..tokenizer.len() as u32)
            .map(|token| match tokenizer.is_control(token) {
                // The trie's own mark of what is no text.
                true => [&[TokTrie::SPECIAL_TOKEN_MARKER], tokenizer.name(token)].concat(),
                false => tokenizer.bytes(token).to_vec(),
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end), &words);
        let environment: TokEnv = Arc::new(Environment { trie, language });
        let factory = ParserFactory::new(
            &environment,
            InferenceCapabilities::default(),
            &SlicedBiasComputer::json_slices(),
        );
        let mut factory = factory.map_err(problem)?;
        factory.quiet();
        *factory.limits_mut() = ParserLimits {
            max_lexer_states: LEXER_STATES,
            max_items_in_row: WAYS_ON,
            ..ParserLimits::default()
        };
        Ok(Self {
            factory,
            kept: Mutex::default(),
        })
    }

    pub(crate) fn form(&self, grammar: &Grammar) -> Result<Form, FormError> {
        let text = grammar.to_lark();
        if let Some(form) = self.kept(&text) {
            return Ok(form);
        }
        let grammar = TopLevelGrammar::from_lark(text.clone());
        let mut matcher = Matcher::new(self.factory.create_parser(grammar));
        // Only the first step tells whether anything at all fits.
        matcher.compute_mask_or_eos().map_err(problem)?;
        let form = Form(matcher);
        self.keep(text, form.clone());
        Ok(form)
    }

    fn kept(&self, grammar: &str) -> Option<Form> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let position = kept.iter().position(|(text, _)| text == grammar)?;
        let used = kept.remove(position)?;
        let form = used.1.clone();
        kept.push_back(used);
        Some(form)
    }

    fn keep(&self, grammar: String, form: Form) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((grammar, form));
    }
}

impl Form {
    /// Which tokens may come next, control tokens being an end.
    pub(crate) fn allowed(&mut self) -> Result<Allowed, FormError> {
        let tokens = self.0.compute_mask_or_eos().map_err(problem)?;
        Ok(Allowed { tokens })
    }

    /// Goes on by a token that was allowed.
    pub(crate) fn take(&mut self, token: u32) -> Result<(), FormError> {
        self.0.consume_token(token).map_err(problem)
    }

    /// Goes on by the tokens that can only come next, and gives them.
    pub(crate) fn take_forced(&mut self) -> Vec<u32> {
        self.0.consume_ff_tokens()
    }

    /// Whether nothing more can come.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_stopped()
    }
}

pub(crate) struct Allowed {
    tokens: SimpleVob,
}

impl Allowed {
    pub(crate) fn token(&self, token: u32) -> bool {
        self.tokens.is_allowed(token)
    }
}

struct Environment {
    trie: TokTrie,
    language: Arc<Language>,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            let tokens = self.language.tokenizer.encode_text(text);
            // A text that the tokenizer cannot split is written byte by byte.
            tokens.unwrap_or_else(|_| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }
}

fn problem(error: impl fmt::Display) -> FormError {
    let text = error.to_string();
    // What follows is about the library's own state.
    let problem = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(':')
        .to_owned();
    FormError { problem }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
pub(crate) mod tests;
