//! Gemini's token counts in OpenAI's meaning: its prompt leaves out what hosted tools read, its
//! candidates leave out thoughts (wire notes, section 4).

use tollgate_chat::{
    object::{Object, items},
    usage::Usage,
};

/// Counts beyond any model's context are not believed.
const COUNT_LIMIT: f64 = 1e12;

/// The client's prompt, what hosted tools read left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    Counted(u64),
    /// By the gate: the provider has not told it.
    Estimated(u64),
}

/// Reads `usageMetadata`. `known` stands in where it does not count the prompt, and becomes what it does
/// count. `None` where it counts nothing yet: Vertex's first events name a traffic type and no more.
pub(super) fn read(json: &str, known: &mut Prompt) -> Option<Usage> {
    let usage = Object::parse(json).ok()?;
    let count = |name| count(&usage, name);
    let total = count("totalTokenCount");
    let (candidates, thoughts) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let (by_tools, cached) = (count("toolUsePromptTokenCount"), count("cachedContentTokenCount"));
    let is_told = |count: &Option<u64>| count.is_some();
    let own_prompt = count("promptTokenCount");
    if ![total, candidates, thoughts, by_tools, cached, own_prompt]
        .iter()
        .any(is_told)
    {
        return None;
    }
    let thoughts = thoughts.unwrap_or(0);
    let by_tools = by_tools.unwrap_or(0);
    let counted = candidates.unwrap_or(0) + thoughts;
    // What the total has beyond the other parts is the prompt.
    if let Some(own) = own_prompt.or(total.map(|total| total.saturating_sub(counted + by_tools))) {
        *known = Prompt::Counted(own);
    }
    let prompt = by_tools
        + match *known {
            Prompt::Counted(own) => own,
            Prompt::Estimated(about) => about.max(cached.unwrap_or(0)),
        };
    // What the total has beyond the parts was written and is not told apart.
    let completion = counted.max(total.unwrap_or(0).saturating_sub(prompt));

    let read =
        Modalities::read(&usage, &["promptTokensDetails", "toolUsePromptTokensDetails"]).within(prompt);
    let cached = cached.unwrap_or(0).min(prompt);
    let of_cache = Modalities::read(&usage, &["cacheTokensDetails"]).within(cached);
    let reasoning = thoughts.min(completion);
    let written = Modalities::read(&usage, &["candidatesTokensDetails"]).within(completion - reasoning);
    Some(Usage {
        prompt,
        completion,
        cached,
        prompt_audio: read.audio,
        cached_audio: of_cache.audio.min(read.audio),
        prompt_image: read.image,
        prompt_video: read.video,
        reasoning,
        completion_audio: written.audio,
        completion_image: written.image,
        ..Usage::default()
    })
}

/// What a whole answer counts, whatever else it says.
pub(crate) fn in_answer(answer: &Object<'_>) -> Option<Usage> {
    read(answer.present("usageMetadata")?, &mut Prompt::Estimated(0))
}

/// Tokens of what is no text. Documents count as text: nothing in OpenAI's usage is theirs.
#[derive(Default)]
struct Modalities {
    image: u64,
    video: u64,
    audio: u64,
}

impl Modalities {
    fn read(usage: &Object<'_>, names: &[&str]) -> Self {
        let mut modalities = Self::default();
        for name in names {
            for detail in items(usage.present(name).unwrap_or_default()).unwrap_or_default() {
                let Ok(detail) = Object::parse(detail) else {
                    continue;
                };
                let tokens = count(&detail, "tokenCount").unwrap_or(0);
                // Numbers where an answer writes its enums so.
                match detail.present("modality") {
                    Some("\"IMAGE\"" | "2") => modalities.image += tokens,
                    Some("\"VIDEO\"" | "3") => modalities.video += tokens,
                    Some("\"AUDIO\"" | "4") => modalities.audio += tokens,
                    _ => {}
                }
            }
        }
        modalities
    }

    /// Cut down until all together fit into `total`.
    fn within(self, total: u64) -> Self {
        let image = self.image.min(total);
        let video = self.video.min(total - image);
        let audio = self.audio.min(total - image - video);
        Self { image, video, audio }
    }
}

fn count(object: &Object<'_>, name: &str) -> Option<u64> {
    let value: f64 = object.read(name)?;
    Some(value.clamp(0.0, COUNT_LIMIT) as u64)
}
