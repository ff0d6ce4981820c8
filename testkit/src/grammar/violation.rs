//! A rule that the gate's answer breaks.

/// What is wrong, and where. `event` counts the stream's events from 0, comments left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("the stream is not UTF-8")]
    NotUtf8,
    #[error("event {event} is neither one `data: ` line nor comments: {text:?}")]
    BadFrame { event: usize, text: String },
    #[error("the stream ends inside an event: {text:?}")]
    UnfinishedEvent { text: String },
    #[error("event {event} is not JSON: {text:?}")]
    NotJson { event: usize, text: String },
    #[error("event {event} is not a chunk: `object` is {object}")]
    NotAChunk { event: usize, object: String },
    #[error("event {event}: `{field}` is {found}, it was {expected} before")]
    Changed {
        event: usize,
        field: &'static str,
        expected: String,
        found: String,
    },
    #[error("`model` is {found}, {asked:?} was asked for")]
    WrongModel { asked: String, found: String },
    #[error("event {event}: the first chunk of choice {choice} has no role")]
    NoRole { event: usize, choice: u64 },
    #[error("event {event}: choice {choice} has a role again")]
    RoleAgain { event: usize, choice: u64 },
    #[error("event {event}: a choice has no `{field}`")]
    FieldMissing { event: usize, field: &'static str },
    #[error("event {event}: choice {choice} goes on after its finish")]
    AfterFinish { event: usize, choice: u64 },
    #[error("choice {choice} has no finish")]
    NoFinish { choice: u64 },
    #[error("the stream has no choice at all")]
    NoChoice,
    #[error("event {event}: no choices and no usage")]
    EmptyChunk { event: usize },
    #[error("event {event}: usage that nobody asked for")]
    UsageUnasked { event: usize },
    #[error("event {event}: usage was asked for, so this chunk should say `usage: null`")]
    UsageNotNull { event: usize },
    #[error("event {event}: the usage chunk has choices")]
    UsageWithChoices { event: usize },
    #[error("event {event}: after the usage chunk only moderation and `[DONE]` may come")]
    AfterUsage { event: usize },
    #[error("usage was asked for, and there is none")]
    UsageMissing,
    #[error("usage cannot be read: {text}")]
    UsageUnreadable { text: String },
    #[error("usage: total {total} is not prompt {prompt} + completion {completion}")]
    UsageSum {
        prompt: u64,
        completion: u64,
        total: u64,
    },
    #[error("usage: {part} {tokens} is more than the {whole} it belongs to")]
    UsagePart {
        part: &'static str,
        tokens: u64,
        whole: u64,
    },
    #[error("event {event}: tool call {index} starts without `{field}`")]
    ToolCallStart {
        event: usize,
        index: u64,
        field: &'static str,
    },
    #[error("event {event}: tool call {index} has `{field}` again")]
    ToolCallAgain {
        event: usize,
        index: u64,
        field: &'static str,
    },
    #[error("event {event}: tool call {index} comes when {expected} is next")]
    ToolCallIndex { event: usize, index: u64, expected: u64 },
    #[error("choice {choice}: the arguments of tool call {index} are not JSON: {arguments:?}")]
    ToolCallArguments {
        choice: u64,
        index: u64,
        arguments: String,
    },
    #[error("choice {choice} finishes for tool calls and has none")]
    NoToolCalls { choice: u64 },
    #[error("two tool calls have the ID {id:?}")]
    ToolCallIdTwice { id: String },
    #[error("event {event} comes after `[DONE]`")]
    AfterDone { event: usize },
    #[error("event {event} comes after an error object")]
    AfterError { event: usize },
    #[error("the stream ends without `[DONE]` or an error object")]
    NoEnd,
    #[error("choice {found} where {expected} is next")]
    ChoiceIndex { found: u64, expected: u64 },
}
