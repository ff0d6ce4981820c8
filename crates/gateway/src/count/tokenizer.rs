//! How many tokens a text has, in tiktoken's `o200k_base`.
//!
//! Its 200,000 tokens are read at the first use, which takes a moment and some 45 MB that stay.

use tiktoken_rs::o200k_base_singleton;
use tollgate_catalog::contract::estimated_tokens;

/// Bytes that are counted; what is beyond them is estimated.
const COUNTED: usize = 4 << 20;
/// Bytes that are given to the tokenizer at once. What it does takes longer than in proportion, for words that have
/// no end.
const PIECE: usize = 4_096;

/// Tokens of a text. Blocks: some 30 ms for a megabyte.
pub fn tokens(text: &str) -> u64 {
    let tokenizer = o200k_base_singleton();
    let (mut bytes, mut tokens) = (0, 0);
    for piece in pieces(text) {
        if bytes >= COUNTED {
            break;
        }
        bytes += piece.len();
        tokens += tokenizer.encode_ordinary(piece).len() as u64;
    }
    tokens + estimated_tokens((text.len() - bytes) as u64)
}

/// The text in pieces, cut before a space where there is one: a word's token has the space before it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = rest.floor_char_boundary(PIECE);
        let end = match most < rest.len() {
            true => rest[..most].rfind(char::is_whitespace).filter(|end| *end > 0),
            false => None,
        };
        let (piece, after) = rest.split_at(end.unwrap_or(most));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_tokens_that_openais_tokenizer_has_for_it() {
        // Counted with tiktoken 0.12 for Python.
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("Hello, world!"), 4);
        assert_eq!(tokens("The quick brown fox jumps over the lazy dog."), 10);
    }

    #[test]
    fn where_a_long_text_is_cut_changes_next_to_nothing() {
        let sentence = "The quick brown fox jumps over the lazy dog. ";
        let long = sentence.repeat(2_000);

        let all = pieces(&long).map(str::len).sum::<usize>();
        let counted = tokens(&long);

        assert_eq!(all, long.len());
        assert!((20_000..20_100).contains(&counted), "{counted}");
    }

    #[test]
    fn a_word_without_an_end_is_counted_in_no_time() {
        for letter in ["a", "界", " ", "\n", "!"] {
            let endless = letter.repeat(200_000);
            let began = std::time::Instant::now();

            assert!(tokens(&endless) > 0);

            let took = began.elapsed();
            assert!(took < std::time::Duration::from_secs(30), "{letter:?}: {took:?}");
        }
    }
}
