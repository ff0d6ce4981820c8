//! What can be wrong with the configuration, and where.
//!
//! Mistakes are gathered, so that an operator sees all of them at once. Messages name values only
//! where these cannot be a credential, and never show the text around them: start-up messages end
//! up in logs.

use std::{error::Error, fmt, io, path::PathBuf};

use miette::Diagnostic;
use tollgate_store::{DatabaseUrlError, RedisUrlError};

use super::source::{Place, Sources};

/// Everything that is wrong with the configuration; at least one mistake.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("The configuration has a mistake"),
            count => write!(f, "The configuration has {count} mistakes"),
        }
    }
}

impl Error for ConfigErrors {}

/// One mistake and its place. Prints as `tollgate.toml:3:1: unknown field …`.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {mistake}")]
pub struct ConfigError {
    pub place: Place,
    pub mistake: Mistake,
}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mistake
            .help()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// Gathers mistakes while the configuration is read.
#[derive(Debug)]
pub struct Mistakes<'s> {
    sources: &'s Sources,
    found: Vec<ConfigError>,
}

impl<'s> Mistakes<'s> {
    pub fn new(sources: &'s Sources) -> Self {
        Self {
            sources,
            found: Vec::new(),
        }
    }

    /// Adds a mistake in what is written at this byte (see [`Sources`]).
    pub fn add(&mut self, byte: usize, mistake: Mistake) {
        self.add_at(self.sources.place(byte), mistake);
    }

    pub fn add_at(&mut self, place: Place, mistake: Mistake) {
        self.found.push(ConfigError { place, mistake });
    }

    pub fn place(&self, byte: usize) -> Place {
        self.sources.place(byte)
    }

    /// `Ok` where nothing was added; else all of it, in the order of the file.
    pub fn into_result(mut self) -> Result<(), ConfigErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by(|a, b| a.place.cmp(&b.place));
        Err(ConfigErrors(self.found))
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    #[error("the file cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("not TOML: {0}")]
    Syntax(String),
    #[error("unknown field `{field}` in {table}")]
    UnknownField {
        field: String,
        table: String,
        nearest: Option<String>,
    },
    #[error("no setting has this name")]
    UnknownVariable { nearest: Option<String> },
    /// A variable for a channel that is not there.
    #[error("no channel has the name or position `{channel}`")]
    UnknownChannel { channel: String },
    /// A variable that may be for one channel or for another.
    #[error("`{channel}` may be {} or {}", both[0], both[1])]
    AmbiguousChannel { channel: String, both: [String; 2] },
    /// `message` says what was expected; it is mostly the TOML library's.
    #[error("`{field}`: {message}")]
    WrongType { field: String, message: String },
    #[error("`{field}` is missing in {table}")]
    MissingField { field: &'static str, table: String },
    #[error("the environment variable `{name}` is not set")]
    UnsetVariable { name: String },
    #[error("`${{` without a name or `file:PATH` and a `}}` after it")]
    Reference,
    #[error("the file {} cannot be read: {cause}", path.display())]
    ReferencedFile { path: PathBuf, cause: io::Error },
    #[error("`{field}` must be an IP address and a port, such as 127.0.0.1:8700, and is `{value}`")]
    Address { field: &'static str, value: String },
    #[error("`listen` and `admin_listen` must not be the same address")]
    SameAddress,
    #[error("`{written}` is neither an IP address nor a network such as 10.0.0.0/8")]
    NotANetwork { written: String },
    #[error("`{value}` is no origin, such as https://app.example.com, and not `*`")]
    Origin { value: String },
    #[error("`{smaller}` is more than `{larger}`, so nothing of that size could ever pass")]
    Exceeds {
        smaller: &'static str,
        larger: &'static str,
    },
    #[error("`hedge_percentile` must be 50 to 99, or 0 for none")]
    HedgePercentile,
    #[error("`size_mb` must be at least {least}: below that there is no room for many requests at once")]
    SpoolSize { least: u32 },
    #[error("`{field}` must be 32 random bytes in base64, as `openssl rand -base64 32` prints them")]
    SealingKey { field: &'static str },
    #[error("no time zone has the name `{name}`; names are such as Europe/Berlin or UTC")]
    UnknownTimeZone { name: String },
    #[error(transparent)]
    DatabaseUrl(#[from] DatabaseUrlError),
    #[error(transparent)]
    RedisUrl(#[from] RedisUrlError),
    #[error(
        "`level` must be error, warn, info, debug, trace or off, or a list such as `info,tollgate_gateway=debug`"
    )]
    LogLevel,
    #[error("the name of a channel must be 1 to 64 of a-z, A-Z, 0-9, `-`, `_` and `.`")]
    ChannelName,
    #[error(
        "the name `sandbox` is that of the embedded model, in headers, metrics and usage; give the channel another"
    )]
    ChannelNamedSandbox,
    #[error("a channel named `{name}` stands at {first} already")]
    DuplicateChannel { name: String, first: Place },
    #[error("unknown provider `{name}`")]
    UnknownProvider { name: String, nearest: Option<String> },
    #[error("`{field}` is no URL: {cause}")]
    Url {
        field: &'static str,
        cause: url::ParseError,
    },
    #[error("`{field}` must be a number from 0 to 1")]
    Share { field: &'static str },
    #[error("`{field}` must start with http:// or https://")]
    UrlScheme { field: &'static str },
    #[error("`{field}` must end before `{endpoint}`, which the gate adds itself")]
    UrlOfEndpoint {
        field: &'static str,
        endpoint: &'static str,
    },
    #[error("`{field}` must not hold a user, a query or a fragment")]
    UrlParts { field: &'static str },
    /// The value may hold a password, so it is not shown.
    #[error("the channel's proxy must be an address such as http://user:password@host:3128, or `none`")]
    Proxy,
    #[error("provider `{provider}` has no address of its own: `base_url` is missing")]
    BaseUrlMissing { provider: String },
    #[error("`api_key` is missing: provider `{provider}` takes no request without one")]
    CredentialMissing { provider: String },
    #[error("`api_key` is empty")]
    CredentialEmpty,
    #[error("`api_key` holds characters that a header cannot carry")]
    CredentialCharacters,
    #[error("`{name}` is no name of a header")]
    HeaderName { name: String },
    #[error("the value of header `{name}` holds characters that a header cannot carry")]
    HeaderValue { name: String },
    #[error("header `{name}` is the gate's own to set")]
    HeaderReserved { name: String },
    #[error("an ID of a model must not be empty")]
    ModelEmpty,
    #[error("the catalogue lists no model of provider `{provider}`: `models` is missing")]
    ModelsMissing { provider: String },
    #[error(
        "`models` is empty; without it the channel serves all that the catalogue lists of its provider, and \
         `enabled = false` switches it off"
    )]
    ModelsEmpty,
    #[error("this channel does not serve a model `{model}`")]
    ModelNotServed { model: String, nearest: Option<String> },
    #[error("{what} stands in what [catalog] files say now, which counts only after a restart")]
    AfterRestart { what: String },
    /// A mistake in an operator's catalogue file, with its own place.
    #[error("{field}{}{problem}", if field.is_empty() { "" } else { ": " })]
    Catalog { field: String, problem: String },
}

impl Mistake {
    /// What is wrong and what to do about it, in one line.
    pub fn told(&self) -> String {
        match self.help() {
            Some(help) => format!("{self}; {help}"),
            None => self.to_string(),
        }
    }

    /// What to do about it, where that is known.
    fn help(&self) -> Option<String> {
        match self {
            Self::UnknownField {
                nearest: Some(nearest),
                ..
            } => Some(format!("the nearest known field is `{nearest}`")),
            Self::UnknownVariable {
                nearest: Some(nearest),
            } => Some(format!("the nearest known one is {nearest}")),
            Self::UnknownProvider {
                nearest: Some(nearest),
                ..
            } => Some(format!(
                "the nearest known provider is `{nearest}`; any other server that speaks chat completions is `openai-compatible`"
            )),
            Self::UnknownProvider { nearest: None, .. } => {
                Some("any server that speaks chat completions is `openai-compatible`".to_owned())
            }
            Self::ModelNotServed {
                nearest: Some(nearest),
                ..
            } => Some(format!("the nearest that it serves is `{nearest}`")),
            Self::Proxy => Some(
                "it is the channel's `proxy`, or else the environment's HTTPS_PROXY or ALL_PROXY; proxies that speak TLS or SOCKS are not supported"
                    .to_owned(),
            ),
            Self::AmbiguousChannel { .. } => {
                Some("a position that is no channel's name is clear, or rename one of them".to_owned())
            }
            Self::Reference => Some("a plain `${` is written `$${`".to_owned()),
            _ => None,
        }
    }
}
