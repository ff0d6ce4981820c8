use super::*;
use crate::forward::{PAGE, Slice};
use crate::load;
use crate::load::tests::{TINY, TinyModel};

fn tokens(count: u32, last: u32) -> Vec<u32> {
    (1..count).map(|i| 2 + i * 37 % 256).chain([last]).collect()
}

fn read(prompt: &[u32]) -> KvCache {
    let mut cache = KvCache::new(&TINY);
    let llama = load::llama(&TinyModel::new().path()).expect("the model is sound");
    llama.read(&mut [Slice {
        tokens: prompt,
        cache: &mut cache,
    }]);
    cache
}

#[test]
fn what_begins_alike_is_found_up_to_where_it_differs() {
    let mut prefixes = Prefixes::new(1_000);
    let prompt = tokens(100, 3);
    prefixes.keep(&prompt, &read(&prompt));

    let mut other = prompt[..70].to_vec();
    other.extend([9, 9, 9]);

    assert_eq!(prefixes.find(&other).map(|cache| cache.len()), Some(70));
    assert!(prefixes.find(&[5, 6, 7, 8]).is_none());
}

#[test]
fn one_token_is_always_left_to_read() {
    let mut prefixes = Prefixes::new(1_000);
    let prompt = tokens(30, 3);
    prefixes.keep(&prompt, &read(&prompt));
    assert_eq!(prefixes.find(&prompt).map(|cache| cache.len()), Some(29));
    assert_eq!(prefixes.find(&prompt[..20]).map(|cache| cache.len()), Some(19));
}

#[test]
fn reading_on_from_what_was_found_gives_what_reading_all_gives() {
    let llama = load::llama(&TinyModel::new().path()).expect("the model is sound");
    let prompt = tokens(PAGE as u32 + 30, 3);
    let mut prefixes = Prefixes::new(1_000);
    prefixes.keep(&prompt, &read(&prompt));
    let mut other = prompt[..PAGE + 10].to_vec();
    other.extend(tokens(20, 4));

    let mut found = prefixes.find(&other).expect("it begins alike");
    let known = found.len();
    let rest = llama.read(&mut [Slice {
        tokens: &other[known..],
        cache: &mut found,
    }]);
    let mut fresh = KvCache::new(&TINY);
    let whole = llama.read(&mut [Slice {
        tokens: &other,
        cache: &mut fresh,
    }]);

    assert_eq!(known, PAGE + 10);
    assert_eq!(rest[..], whole[known * TINY.width..]);
    assert_eq!(
        prefixes.find(&prompt).map(|cache| cache.len()),
        Some(prompt.len() - 1),
        "writing on must not change what others share"
    );
}

#[test]
fn what_was_not_used_for_longest_makes_room() {
    let mut prefixes = Prefixes::new(100);
    let prompts: Vec<_> = (10..13)
        .map(|first| {
            let mut prompt = tokens(40, 3);
            prompt[0] = first;
            prompt
        })
        .collect();
    for prompt in &prompts[..2] {
        prefixes.keep(prompt, &read(prompt));
    }
    assert!(
        prefixes.find(&prompts[0]).is_some(),
        "now the second is the older one"
    );

    prefixes.keep(&prompts[2], &read(&prompts[2]));

    assert!(prefixes.find(&prompts[0]).is_some());
    assert!(prefixes.find(&prompts[1]).is_none());
    assert!(prefixes.find(&prompts[2]).is_some());
}

#[test]
fn of_a_prompt_beyond_the_limit_the_beginning_is_remembered() {
    let mut prefixes = Prefixes::new(50);
    let prompt = tokens(90, 3);
    prefixes.keep(&prompt, &read(&prompt));
    assert_eq!(prefixes.find(&prompt).map(|cache| cache.len()), Some(50));
}
