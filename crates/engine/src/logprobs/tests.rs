use super::*;
use crate::tokenizer::tests::small_vocabulary;

fn tokenizer() -> Tokenizer {
    Tokenizer::new(small_vocabulary()).unwrap()
}

#[test]
fn all_of_them_together_come_to_one_and_the_most_probable_is_first() {
    let tokenizer = tokenizer();
    let scores: Vec<f32> = (0..tokenizer.len() as u32).map(|i| (i * 7 % 11) as f32).collect();
    let told = of_token(&scores, 5, scores.len(), &tokenizer);
    let total: f64 = told.top.iter().map(|scored| scored.logprob.exp()).sum();
    assert!((total - 1.0).abs() < 1e-6, "{total}");
    assert!(told.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
    assert!(told.top.contains(&told.token), "it is one of them");
}

#[test]
fn as_many_are_told_as_were_asked_for() {
    let tokenizer = tokenizer();
    let scores: Vec<f32> = (0..tokenizer.len() as u32).map(|i| -(i as f32)).collect();
    let told = of_token(&scores, 9, 3, &tokenizer);
    let expected: Vec<_> = (0..3).map(|token| tokenizer.name(token).to_vec()).collect();
    let found: Vec<_> = told.top.iter().map(|scored| scored.bytes.clone()).collect();
    assert_eq!(found, expected);
    assert!(of_token(&scores, 9, 0, &tokenizer).top.is_empty());
}
