use std::net::Ipv4Addr;

use http::HeaderMap;

use super::*;
use crate::{request_id::RequestId, story::End};

const HOUR: Duration = Duration::from_secs(3_600);

fn settings(count: usize, size: usize) -> StorySettings {
    StorySettings {
        keep: HOUR,
        count,
        size,
    }
}

fn ended() -> Arc<Story> {
    let story = Story::begin(
        RequestId::new(&HeaderMap::new(), 0),
        Ipv4Addr::LOCALHOST.into(),
        None,
    );
    story.ends(End::default());
    story
}

#[test]
fn a_story_is_found_by_its_id_alone() {
    let kept = KeptStories::new(&settings(100, 1 << 20));
    let stories: Vec<_> = (0..40).map(|_| ended()).collect();
    for story in &stories {
        kept.keep(story, Instant::now());
    }

    for story in &stories {
        let found = kept.find(story.id.as_str()).expect("it is kept");
        assert!(Arc::ptr_eq(&found, story));
    }
    for unknown in ["", "req_", "req_00000000000000000000000000000", "é"] {
        assert!(kept.find(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn of_too_many_stories_the_oldest_are_forgotten() {
    let kept = KeptStories::new(&settings(64, 1 << 20));
    let stories: Vec<_> = (0..640).map(|_| ended()).collect();
    for story in &stories {
        kept.keep(story, Instant::now());
    }

    let found = |story: &&Arc<Story>| kept.find(story.id.as_str()).is_some();
    for digit in "0123456789abcdef".chars() {
        // Requests of other tests have some of the IDs between, so not every digit has as many.
        let on_shelf = stories.iter().filter(|story| story.id.as_str().ends_with(digit));
        let mut latest_first: Vec<_> = on_shelf.rev().collect();
        let forgotten = latest_first.split_off(latest_first.len().min(4));
        assert!(latest_first.iter().all(found), "{digit}");
        assert!(!forgotten.iter().any(found), "{digit}");
    }
}

#[test]
fn stories_take_no_more_memory_than_they_may() {
    let size = 256 * 1024;
    let kept = KeptStories::new(&settings(1_000_000, size));
    let stories: Vec<_> = (0..20_000).map(|_| ended()).collect();
    for story in &stories {
        kept.keep(story, Instant::now());
    }

    let found = stories
        .iter()
        .filter(|story| kept.find(story.id.as_str()).is_some());
    let taken: usize = found.map(|story| story.size()).sum();
    assert!((size / 2..=size).contains(&taken), "{taken}");
}

#[test]
fn a_story_is_forgotten_when_its_time_is_over() {
    let over = StorySettings {
        keep: Duration::from_nanos(1),
        ..settings(100, 1 << 20)
    };
    let kept = KeptStories::new(&over);
    let story = ended();

    kept.keep(&story, Instant::now());

    assert!(kept.find(story.id.as_str()).is_none());
}

#[test]
fn whoever_is_refused_makes_the_gate_forget_nobody_else() {
    let kept = KeptStories::new(&settings(64, 1 << 20));
    let answered = ended();
    kept.keep(&answered, Instant::now());

    let refused: Vec<_> = (0..1_000).map(|_| ended()).collect();
    for story in &refused {
        kept.keep_refused(story);
    }

    assert!(kept.find(answered.id.as_str()).is_some());
    let last = refused.last().expect("there are many");
    assert!(kept.find(last.id.as_str()).is_some());
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let never = StorySettings {
        keep: Duration::ZERO,
        ..settings(100, 1 << 20)
    };
    for settings in [settings(0, 1 << 20), never] {
        let kept = KeptStories::new(&settings);
        let story = ended();
        kept.keep(&story, Instant::now());
        assert!(kept.find(story.id.as_str()).is_none());
    }
}
