use super::cache::PAGE;
use super::*;
use crate::load;
use crate::load::tests::{TINY, TinyModel};
use crate::matrix::tests::noise;

fn tiny() -> Llama {
    load::llama(&TinyModel::new().path()).expect("the model is sound")
}

fn prompt(length: usize) -> Vec<u32> {
    (0..length as u32).map(|i| 2 + i * 37 % 256).collect()
}

/// Scores after reading `prompt` in slices of `slice` tokens.
fn scores(llama: &Llama, prompt: &[u32], slice: usize) -> Vec<f32> {
    let mut cache = KvCache::new(&llama.sizes);
    let mut state = Vec::new();
    for tokens in prompt.chunks(slice) {
        state = llama.read(&mut [Slice {
            tokens,
            cache: &mut cache,
        }]);
    }
    assert_eq!(cache.len(), prompt.len());
    llama.scores(&state[state.len() - llama.sizes.width..])
}

#[test]
fn how_a_prompt_is_sliced_changes_nothing() {
    let llama = tiny();
    let prompt = prompt(3 * PAGE - 5);
    let whole = scores(&llama, &prompt, prompt.len());
    for slice in [1, 7, PAGE, PAGE + 1] {
        assert_eq!(scores(&llama, &prompt, slice), whole, "slices of {slice}");
    }
}

#[test]
fn who_else_takes_part_in_a_pass_changes_nothing() {
    let llama = tiny();
    let prompts: Vec<_> = [40, 1, PAGE + 3, 7, 90].map(prompt).into();
    let mut caches = vec![KvCache::new(&TINY); prompts.len()];
    let mut slices: Vec<_> = prompts
        .iter()
        .zip(&mut caches)
        .map(|(tokens, cache)| Slice { tokens, cache })
        .collect();

    let state = llama.read(&mut slices);

    let mut rows = state.chunks_exact(TINY.width);
    let mut last_rows = Vec::new();
    for prompt in &prompts {
        last_rows.extend_from_slice(rows.nth(prompt.len() - 1).expect("a row for each token"));
    }
    let together = llama.scores(&last_rows);
    for (prompt, found) in prompts.iter().zip(together.chunks_exact(TINY.vocabulary)) {
        assert_eq!(
            found,
            scores(&llama, prompt, prompt.len()),
            "{} tokens",
            prompt.len()
        );
    }
}

#[test]
fn every_token_of_the_prompt_counts_and_so_does_its_place() {
    let llama = tiny();
    let original = prompt(90);
    let expected = scores(&llama, &original, 64);
    for changed in [0, 1, 63, 64, 89] {
        let mut prompt = original.clone();
        prompt[changed] = 3;
        assert_ne!(scores(&llama, &prompt, 64), expected, "token {changed}");
    }
    let mut swapped = original;
    swapped.swap(10, 11);
    assert_ne!(scores(&llama, &swapped, 64), expected);
}

#[test]
fn the_window_can_be_filled() {
    let llama = tiny();
    let scores = scores(&llama, &prompt(TINY.window), 100);
    assert!(scores.iter().all(|score| score.is_finite()));
}

#[test]
fn attention_is_a_softmax_over_everything_before() {
    let tokens = PAGE + 9;
    let row_width = TINY.width + 2 * TINY.kv_width();
    let projected = noise(tokens * row_width, 11);
    let mut cache = KvCache::new(&TINY);
    cache.extend(tokens);
    cache.write(1, 0, &projected);

    let slices = [Slice {
        tokens: &prompt(tokens),
        cache: &mut cache,
    }];
    let attended = attention::attend(&projected, &slices, 1, &TINY);

    let head = TINY.head();
    let row = |token: usize| &projected[token * row_width..(token + 1) * row_width];
    for token in 0..tokens {
        for index in 0..TINY.heads {
            let query = &row(token)[index * head..][..head];
            let kv_head = index / (TINY.heads / TINY.kv_heads);
            let key = |t: usize| &row(t)[TINY.width + kv_head * head..][..head];
            let value = |t: usize| &row(t)[TINY.width + TINY.kv_width() + kv_head * head..][..head];
            let weights: Vec<f32> = (0..=token)
                .map(|t| {
                    let dot: f32 = query.iter().zip(key(t)).map(|(q, k)| q * k).sum();
                    (dot / (head as f32).sqrt()).exp()
                })
                .collect();
            for number in 0..head {
                let sum: f32 = weights
                    .iter()
                    .enumerate()
                    .map(|(t, w)| w * value(t)[number])
                    .sum();
                let expected = sum / weights.iter().sum::<f32>();
                let found = attended[token * TINY.width + index * head + number];
                assert!(
                    (found - expected).abs() < 2e-3,
                    "token {token}, head {index}, number {number}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn turning_keeps_what_depends_on_the_distance_only() {
    let rope = Rope::new(TINY.head(), 6_000, 10_000.0);
    let row_width = TINY.width + 2 * TINY.kv_width();
    let original = noise(row_width, 12);
    let dot_at = |query: usize, key: usize| {
        let (mut q, mut k) = (original.clone(), original.clone());
        rope.turn(&mut q, query, &TINY);
        rope.turn(&mut k, key, &TINY);
        let head = TINY.head();
        let pairs = q[..head].iter().zip(&k[TINY.width..TINY.width + head]);
        pairs.map(|(a, b)| a * b).sum::<f32>()
    };
    assert!((dot_at(10, 3) - dot_at(5_507, 5_500)).abs() < 1e-3);
    assert!((dot_at(10, 3) - dot_at(10, 4)).abs() > 1e-3);
}

#[test]
fn powers_of_e_are_near_those_of_the_standard_library() {
    for step in -8_600..=8_700 {
        let x = step as f32 / 100.0;
        let (found, expected) = (arithmetic::exp(x), x.exp());
        assert!(
            (found / expected - 1.0).abs() < 2e-6,
            "e^{x} is {expected}, not {found}"
        );
    }
    assert!(arithmetic::exp(f32::NEG_INFINITY) < 1e-37);
    assert_eq!(arithmetic::exp(0.0), 1.0);
}
