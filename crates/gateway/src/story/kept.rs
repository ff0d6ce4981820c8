//! Stories of requests that are over, for a while and up to a size.
//!
//! They are in memory alone: a restart forgets them. Requests that were refused before they were let in have a
//! place of their own, so that somebody without a key, who can send as many of them as he likes, forgets nobody
//! else's story.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Story;

/// Requests that end at the same time seldom meet at one of so many shelves. The last digit of a request's ID
/// says which one is its.
const SHELVES: usize = 16;
/// What refused requests may take, as a part of what the others may.
const REFUSED_PART: usize = 8;

/// For how long stories are kept, and how many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorySettings {
    pub keep: Duration,
    /// Most stories; 0: none is kept.
    pub count: usize,
    /// Most bytes of all of them.
    pub size: usize,
}

/// The stories that are kept.
#[derive(Debug)]
pub struct KeptStories {
    answered: Shelves,
    refused: Shelves,
}

#[derive(Debug)]
struct Shelves {
    keep: Duration,
    /// Of one shelf.
    count: usize,
    /// Of one shelf, in bytes.
    size: usize,
    shelves: [Mutex<Shelf>; SHELVES],
}

/// The oldest one first.
#[derive(Debug, Default)]
struct Shelf {
    stories: VecDeque<Kept>,
    size: usize,
}

#[derive(Debug)]
struct Kept {
    story: Arc<Story>,
    until: Instant,
    size: usize,
}

impl KeptStories {
    pub fn new(settings: &StorySettings) -> Self {
        let refused = StorySettings {
            keep: settings.keep,
            count: settings.count / REFUSED_PART,
            size: settings.size / REFUSED_PART,
        };
        Self {
            answered: Shelves::new(settings),
            refused: Shelves::new(&refused),
        }
    }

    /// Keeps the story of a request that was let in, and is over now.
    pub fn keep(&self, story: &Arc<Story>, now: Instant) {
        self.answered.keep(story, now);
    }

    /// Keeps the story of one that was not.
    pub fn keep_refused(&self, story: &Arc<Story>) {
        self.refused.keep(story, Instant::now());
    }

    /// The story of the request with this ID of ours.
    pub fn find(&self, id: &str) -> Option<Arc<Story>> {
        self.answered.find(id).or_else(|| self.refused.find(id))
    }
}

impl Shelves {
    fn new(settings: &StorySettings) -> Self {
        Self {
            keep: settings.keep,
            count: settings.count.div_ceil(SHELVES),
            size: settings.size / SHELVES,
            shelves: Default::default(),
        }
    }

    fn keep(&self, story: &Arc<Story>, now: Instant) {
        if self.count == 0 || self.keep.is_zero() {
            return;
        }
        let size = story.size();
        let mut shelf = self.shelf(story.id.as_str());
        shelf.size += size;
        shelf.stories.push_back(Kept {
            story: Arc::clone(story),
            until: now + self.keep,
            size,
        });
        while shelf.has_too_many(self, now) {
            shelf.forget_oldest();
        }
    }

    fn find(&self, id: &str) -> Option<Arc<Story>> {
        let now = Instant::now();
        let shelf = self.shelf(id);
        let kept = shelf
            .stories
            .iter()
            .find(|kept| kept.story.id.as_str() == id && kept.until > now)?;
        Some(Arc::clone(&kept.story))
    }

    fn shelf(&self, id: &str) -> MutexGuard<'_, Shelf> {
        let last = id.bytes().next_back().map_or(0, usize::from);
        // Digits and the letters a to f end in sixteen different ways.
        let place = (last + if last > usize::from(b'9') { 9 } else { 0 }) % SHELVES;
        self.shelves[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn has_too_many(&self, bounds: &Shelves, now: Instant) -> bool {
        let is_old = self.stories.front().is_some_and(|oldest| oldest.until <= now);
        is_old || self.stories.len() > bounds.count || self.size > bounds.size
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.stories.pop_front() {
            self.size -= oldest.size;
        }
    }
}

#[cfg(test)]
mod tests;
