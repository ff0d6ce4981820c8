//! What operators may see of a running gate; nothing of it is on the way of a request.

use tollgate_catalog::Catalog;

use crate::{gate::Gate, story::told::ToldStory};

impl Gate {
    /// The models and providers that it knows.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether the catalogue or a channel in use has this model.
    pub fn has_model(&self, id: &str) -> bool {
        self.catalog.model(id).is_some() || self.channels.load().unlisted_model(id).is_some()
    }

    /// The story of the request with this ID of ours, where it is kept.
    pub fn told_story(&self, id: &str) -> Option<ToldStory> {
        self.stories.find(id).map(|story| story.told())
    }
}
