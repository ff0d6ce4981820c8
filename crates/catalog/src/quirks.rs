//! What a provider takes and how it wants it said, for one model: the columns of the catalogue.
//!
//! A provider's table gives the defaults (`providers.toml`), a model's `serving` entry overrides
//! single columns (`<owner>.toml`). Dialects read these values and never ask which model or which
//! provider it is. `catalog/README.md` has a row for each column.
//! Not here: what the client may send (`contract`).

use std::collections::BTreeMap;

use serde::Deserialize;

use self::range::range_or_none;
pub use self::{
    forms::{
        Budgets, MediaSource, MessageName, ReasoningHistory, ResponseFormat, SchemaForm, ThinkingForm,
        TokenLimitField, ToolChoiceForm,
    },
    range::Range,
};
use crate::{dialect_name::DialectName, model::Modalities, thinking::Effort};

mod columns;
mod forms;
mod range;

/// Peculiarities of one model at one provider, complete: every column has a value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Name under which the provider takes the output limit.
    pub token_limit_field: TokenLimitField,
    /// Whether the output limit counts thoughts too; else they come on top of it.
    pub limit_counts_thinking: bool,
    /// Whether role `developer` is known; else it is sent as `system`.
    pub developer_role: bool,
    /// Whether messages are refused of which none is the user's; then one that says nothing is put before what the
    /// assistant says.
    pub needs_user: bool,
    /// On which messages `name` is taken; elsewhere it is left out.
    pub message_name: MessageName,
    /// Whether an array of text parts is taken; else the texts are joined to one string.
    pub text_part_arrays: bool,
    /// Whether `content: null` is taken on an assistant message; else it is sent as `""`.
    pub null_content: bool,
    /// Members of an assistant message that the provider refuses; left out.
    pub drop_message_fields: Vec<String>,
    /// What becomes of `reasoning_content` in the history.
    pub reasoning_history: ReasoningHistory,
    /// Where images may come from.
    pub images: MediaSource,
    /// Most tokens that the provider counts for one image, whatever its size; `None`: nobody says.
    pub image_tokens_max: Option<u64>,
    /// Where videos may come from.
    pub videos: MediaSource,
    /// Whether `input_audio` parts are taken.
    pub audio: bool,
    /// Whether `file` parts are taken.
    pub files: bool,
    /// Values of `temperature` that are taken; `None`: not taken at all.
    #[serde(deserialize_with = "range_or_none")]
    pub temperature: Option<Range>,
    /// Values of `top_p` that are taken; `None`: not taken at all.
    #[serde(deserialize_with = "range_or_none")]
    pub top_p: Option<Range>,
    /// Sampling hints and labels that are not taken: left out with a note.
    pub omit: Vec<String>,
    /// Parameters that are not taken and would change the answer's meaning: refused with a 400.
    pub refuse: Vec<String>,
    /// Sampling hints that are not taken while the model thinks.
    pub omit_while_thinking: Vec<String>,
    /// Parameters that are refused only while the model thinks.
    pub refuse_while_thinking: Vec<String>,
    /// Most stop strings taken; 0: none at all.
    pub stop_max: u32,
    /// Whether `stop` is taken only as a list; a single string is sent as a list of one.
    pub stop_array: bool,
    /// Whether a stop string also ends the answer where it stands in a call's arguments; then the gate ends
    /// the text itself where tools may be called.
    pub stop_ends_calls: bool,
    /// Most choices (`n`).
    pub n_max: u32,
    /// Response formats taken beside `text`.
    pub response_formats: Vec<ResponseFormat>,
    /// Response formats taken beside `text` while the model thinks.
    pub response_formats_while_thinking: Vec<ResponseFormat>,
    /// Forms of `tool_choice` taken.
    pub tool_choices: Vec<ToolChoiceForm>,
    /// Forms of `tool_choice` taken while the model thinks.
    pub tool_choices_while_thinking: Vec<ToolChoiceForm>,
    /// Whether a named tool is the one that is called; else the gate looks for it in the answer.
    pub named_tool_binds: bool,
    /// Whether function tools are taken at all.
    pub tools: bool,
    /// Whether the forerunners of tools are taken: `functions`, `function_call`, role `function`.
    pub legacy_functions: bool,
    /// Names that no function tool may have; one that has goes out under another.
    pub reserved_tool_names: Vec<String>,
    /// Whether `strict` is taken in a function tool; else it is left out.
    pub tool_strict: bool,
    /// The dialect in which a request with function tools goes out while the model thinks, where the
    /// usual one refuses the two together (OpenAI, gpt-5.4 and later).
    pub dialect_for_tools_while_thinking: Option<DialectName>,
    /// Whether `stream_options.include_usage` is taken; else usage comes unasked, or not at all.
    pub stream_usage_option: bool,
    /// How thinking is switched.
    pub thinking: ThinkingForm,
    /// Whether the model thinks when nothing is said.
    pub thinks_by_default: bool,
    /// Whether thinking can be switched off.
    pub thinking_optional: bool,
    /// Whether the model itself may decide whether it thinks (`thinking.type` "auto").
    pub thinking_auto: bool,
    /// Levels of effort that are taken; a level that is missing moves to the nearest.
    pub efforts: Vec<Effort>,
    /// The effort in force when nothing is said, where the provider tells.
    pub default_effort: Option<Effort>,
    /// The effort that the model ID itself stands for (`gpt-5-codex-high`); an explicit one wins.
    pub id_effort: Option<Effort>,
    /// Whether a whole answer with thinking has to be fetched as a stream and folded.
    pub fold_thinking_stream: bool,
    /// Fewest characters of texts that are refused where they are shorter; such ones are left out with a note.
    pub shortest: BTreeMap<String, usize>,
    /// Members added to each request, such as `reasoning_split = true`.
    pub send: BTreeMap<String, toml::Value>,
    /// The provider's own defaults, where known: a documented default that differs is sent.
    pub provider_defaults: BTreeMap<String, toml::Value>,
    /// Whether `completion_tokens` leaves reasoning out, so that it must be added.
    pub usage_excludes_reasoning: bool,
    /// Whether thinking may stand inside the content as `<think>…</think>`.
    pub think_tags: bool,
    /// Whether such a thought always has its opening tag; else the text of a model that always thinks is held until
    /// a closing one may come no more.
    pub think_tag_opens: bool,
    /// Whether a file may be an http(s) URL; else the gate fetches it.
    pub file_urls: bool,
    /// Whether the provider fetches over https alone; the gate fetches what is at an http URL.
    pub https_only: bool,
    /// Whether answers come whole only: a stream is refused, and the gate streams in its stead.
    pub whole_only: bool,
    /// The kind of summary of its thoughts that the model is asked for (Responses `reasoning.summary`);
    /// `None`: it is not asked.
    pub reasoning_summary: Option<String>,
    /// Response formats taken beside `text` where function tools go out too.
    pub response_formats_with_tools: Vec<ResponseFormat>,
    /// The form in which schemas of tools and answers are taken.
    pub schemas: SchemaForm,
    /// Tokens of thinking for each level of effort, where the provider takes a budget only.
    pub effort_budgets: BTreeMap<Effort, u64>,
    /// Budgets of thinking that are taken, in tokens; `None`: unknown, any.
    pub thinking_budget: Option<Budgets>,
    /// Whether calls and their results carry the call's ID.
    pub call_ids: bool,
    /// Whether calls of the current turn are refused without the signature that came with them.
    pub call_signatures: bool,
    /// Whether turns of the model's are refused whose first part, or any of whose images, has no signature.
    pub part_signatures: bool,
    /// Whether a tool's result may hold media; else they go beside it.
    pub tool_result_media: bool,
    /// Whether format `json_object` is refused where no message speaks of JSON; then the gate adds a
    /// sentence that does.
    pub json_object_needs_word: bool,
    /// Whether `cache_control` is taken on parts, messages, tools and the request; else it is left out.
    pub cache_control: bool,
    /// Whether state of earlier turns that clients send back in other hosts' forms (`thinking_blocks`,
    /// `reasoning_details`, `extra_content`, signatures in IDs) is passed on: the other side is a
    /// gateway itself.
    pub foreign_state: bool,
    /// Whether role `system` is taken between messages (right behind a user's turn); else what such a
    /// message says moves to the front.
    pub system_anywhere: bool,
    /// Whether the model goes on with an assistant's message that stands last; else it is asked in words
    /// to carry on.
    pub prefill: bool,
    /// Whether `temperature` and `top_p` are refused together; then `top_p` is left out.
    pub temperature_excludes_top_p: bool,
    /// The output limit to send where a provider demands one and neither client nor catalogue names one.
    pub default_max_tokens: u64,
}

impl Quirks {
    /// The names of all columns, as the catalogue's files write them.
    pub fn columns() -> &'static [&'static str] {
        columns::names()
    }

    /// These quirks without what the dialect has no place for, whatever the columns say.
    pub(crate) fn spoken_in(mut self, dialect: DialectName) -> Self {
        if dialect == DialectName::OpenaiResponses {
            self.stop_max = 0;
            self.n_max = 1;
            self.audio = false;
        }
        if dialect != DialectName::OpenaiChat {
            self.legacy_functions = false;
        }
        if dialect == DialectName::Gemini {
            self.omit.push("parallel_tool_calls".to_owned());
        }
        self
    }

    /// Takes no media but these.
    pub(crate) fn read_only(&mut self, kinds: &Modalities) {
        if !kinds.image_input {
            self.images = MediaSource::None;
        }
        if !kinds.video_input {
            self.videos = MediaSource::None;
        }
        self.audio &= kinds.audio_input;
        self.files &= kinds.file_input;
    }

    /// Columns whose values contradict each other or themselves, and what is wrong with them.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (column, range) in [("temperature", self.temperature), ("top_p", self.top_p)] {
            if range.is_some_and(|range| !range.holds_a_value()) {
                found.push((column, "no number lies in this range".to_owned()));
            }
        }
        if self.thinking_budget.is_some_and(|taken| taken.min > taken.max) {
            found.push(("thinking_budget", "no number lies in this range".to_owned()));
        }
        if self.n_max == 0 {
            found.push(("n_max", "at least one choice has to be possible".to_owned()));
        }
        if self.thinking == ThinkingForm::ReasoningEffort && self.efforts.is_empty() {
            found.push((
                "efforts",
                "thinking is switched by effort, but no level is taken".to_owned(),
            ));
        }
        if !self.thinking_optional && self.efforts.contains(&Effort::None) {
            found.push((
                "efforts",
                "level `none` is taken, but thinking is not optional".to_owned(),
            ));
        }
        for (column, effort) in [
            ("default_effort", self.default_effort),
            ("id_effort", self.id_effort),
        ] {
            if let Some(effort) = effort.filter(|effort| !self.efforts.contains(effort)) {
                found.push((
                    column,
                    format!("level `{}` is not among `efforts`", effort.as_str()),
                ));
            }
        }
        found
    }
}

impl Default for Quirks {
    /// A plain server that speaks OpenAI's chat completions and takes all of it.
    fn default() -> Self {
        Self {
            token_limit_field: TokenLimitField::MaxTokens,
            limit_counts_thinking: true,
            developer_role: false,
            needs_user: false,
            message_name: MessageName::All,
            text_part_arrays: true,
            null_content: true,
            drop_message_fields: ["annotations", "audio", "function_call", "refusal"]
                .map(String::from)
                .to_vec(),
            reasoning_history: ReasoningHistory::Pass,
            images: MediaSource::Any,
            image_tokens_max: None,
            videos: MediaSource::Any,
            audio: true,
            files: true,
            temperature: Some(Range::closed(0.0, 2.0)),
            top_p: Some(Range::closed(0.0, 1.0)),
            omit: Vec::new(),
            refuse: Vec::new(),
            omit_while_thinking: Vec::new(),
            refuse_while_thinking: Vec::new(),
            stop_max: 16,
            stop_array: false,
            stop_ends_calls: false,
            n_max: 128,
            response_formats: vec![ResponseFormat::JsonObject, ResponseFormat::JsonSchema],
            response_formats_while_thinking: vec![ResponseFormat::JsonObject, ResponseFormat::JsonSchema],
            tool_choices: ToolChoiceForm::ALL.to_vec(),
            tool_choices_while_thinking: ToolChoiceForm::ALL.to_vec(),
            named_tool_binds: true,
            tools: true,
            legacy_functions: false,
            reserved_tool_names: Vec::new(),
            tool_strict: true,
            dialect_for_tools_while_thinking: None,
            stream_usage_option: true,
            thinking: ThinkingForm::Pass,
            thinks_by_default: false,
            thinking_optional: true,
            thinking_auto: false,
            efforts: Effort::ALL.to_vec(),
            default_effort: None,
            id_effort: None,
            fold_thinking_stream: false,
            shortest: BTreeMap::new(),
            send: BTreeMap::new(),
            provider_defaults: BTreeMap::new(),
            usage_excludes_reasoning: false,
            think_tags: false,
            think_tag_opens: false,
            file_urls: false,
            https_only: false,
            whole_only: false,
            reasoning_summary: None,
            response_formats_with_tools: vec![ResponseFormat::JsonObject, ResponseFormat::JsonSchema],
            schemas: SchemaForm::JsonSchema,
            effort_budgets: BTreeMap::from([
                (Effort::Minimal, 1_024),
                (Effort::Low, 1_024),
                (Effort::Medium, 2_048),
                (Effort::High, 4_096),
                (Effort::Xhigh, 8_192),
                (Effort::Max, 16_384),
            ]),
            thinking_budget: None,
            call_ids: true,
            call_signatures: false,
            part_signatures: false,
            tool_result_media: false,
            json_object_needs_word: false,
            cache_control: true,
            foreign_state: false,
            system_anywhere: true,
            prefill: true,
            temperature_excludes_top_p: false,
            default_max_tokens: 8_192,
        }
    }
}
