//! Whether a channel can serve a request at all, as far as that shows without translating it.
//!
//! It is only asked where there are several channels: with one the request goes there, and whoever refuses it says
//! why. The same holds where none can.

use tollgate_catalog::{contract::ValidRequest, quirks::MediaSource};
use tollgate_dialects::serving_for;

use crate::channel::Server;

/// What a channel cannot do that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    Images,
    Videos,
    Audio,
    Files,
    /// References into the provider's own storage are not allowed there.
    ProviderFiles,
    Tools,
    LegacyFunctions,
    /// The prompt is clearly longer than the context.
    Context,
}

impl Lacks {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "takes_no_images",
            Self::Videos => "takes_no_videos",
            Self::Audio => "takes_no_audio",
            Self::Files => "takes_no_files",
            Self::ProviderFiles => "takes_no_provider_files",
            Self::Tools => "takes_no_tools",
            Self::LegacyFunctions => "takes_no_functions",
            Self::Context => "context_too_short",
        }
    }
}

/// What the channel lacks for this request; `None`: nothing that shows.
pub fn lacks(server: &Server, request: &ValidRequest) -> Option<Lacks> {
    let serving = serving_for(request, &server.serving);
    let (quirks, traits) = (&serving.quirks, &request.traits);
    let rows = [
        (traits.images && quirks.images == MediaSource::None, Lacks::Images),
        (traits.videos && quirks.videos == MediaSource::None, Lacks::Videos),
        (traits.audio && !quirks.audio, Lacks::Audio),
        (traits.files && !quirks.files, Lacks::Files),
        (
            traits.provider_file.is_some() && !server.channel.settings.provider_files,
            Lacks::ProviderFiles,
        ),
        (request.tools > 0 && !quirks.tools, Lacks::Tools),
        (
            traits.legacy_functions && !quirks.legacy_functions,
            Lacks::LegacyFunctions,
        ),
        (
            serving
                .context
                .is_some_and(|context| is_clearly_longer(request, context)),
            Lacks::Context,
        ),
    ];
    rows.into_iter().find_map(|(lacks, what)| lacks.then_some(what))
}

/// Whether the prompt cannot be meant to fit: the estimate counts four bytes a token, so it is too high for some
/// texts, and only what is half as much again is believed.
fn is_clearly_longer(request: &ValidRequest, context: u64) -> bool {
    request.estimated_prompt_tokens() > context.saturating_add(context / 2)
}
