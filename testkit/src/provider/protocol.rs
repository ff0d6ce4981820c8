//! Which protocol a request speaks, told by its path as a real provider tells it.

/// A wire protocol of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Chat(ChatHost),
    Responses,
    Anthropic,
    Gemini,
}

/// Who speaks chat completions, as far as that decides what is refused; named by the first part of
/// the path, such as `/deepseek/chat/completions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatHost {
    /// Refuses nothing.
    Any,
    DeepSeek,
    Moonshot,
    MiniMax,
}

const CHAT_HOSTS: [(&str, ChatHost); 3] = [
    ("deepseek", ChatHost::DeepSeek),
    ("moonshot", ChatHost::Moonshot),
    ("minimax", ChatHost::MiniMax),
];

impl Protocol {
    /// The protocol of a path without its query; `None` where no provider listens there.
    pub fn of(path: &str) -> Option<Self> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let host = CHAT_HOSTS.iter().find(|(name, _)| *name == first);
        if path.ends_with("/chat/completions") {
            return Some(Self::Chat(host.map_or(ChatHost::Any, |(_, host)| *host)));
        }
        if path.ends_with("/responses") {
            return Some(Self::Responses);
        }
        if path == "/v1/messages" {
            return Some(Self::Anthropic);
        }
        gemini_call(path).map(|_| Self::Gemini)
    }

    /// What a channel of this preset has after the host, as `base_url`. Anthropic's and Gemini's
    /// dialects know their own paths.
    pub fn base_path(preset: &str) -> String {
        let strict = CHAT_HOSTS.iter().any(|(name, _)| *name == preset);
        match preset {
            "anthropic" | "gemini" => String::new(),
            preset if strict => format!("/{preset}"),
            _ => "/v1".to_owned(),
        }
    }
}

/// Model and method of a path such as `/v1beta/models/gemini-2.5-pro:generateContent`.
pub(super) fn gemini_call(path: &str) -> Option<(&str, &str)> {
    let (model, method) = path.strip_prefix("/v1beta/models/")?.split_once(':')?;
    ["generateContent", "streamGenerateContent"]
        .contains(&method)
        .then_some((model, method))
}
