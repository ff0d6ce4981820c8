//! Where media come from: a URL, a data URI, or a provider's own storage.
//!
//! Only the beginning of a data URI is looked at: decoding megabytes is the provider's business.

use thiserror::Error;

/// Kinds of media that an address may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Image,
    Video,
    Audio,
    File,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }

    /// What a data URI's media type must begin with; `None`: anything.
    fn type_prefix(self) -> Option<&'static str> {
        match self {
            Self::Image => Some("image/"),
            Self::Video => Some("video/"),
            Self::Audio | Self::File => None,
        }
    }
}

/// An address that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    Http,
    Data,
    /// Something that resolves with the operator's credential.
    ProviderFile,
}

/// Why an address makes no sense. Never shows the address: it may be a signed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum AddressError {
    #[error("must be an http(s) URL or a data URI (data:{0}/…;base64,…)")]
    NeitherUrlNorData(&'static str),
    #[error("must be a URL with a host and without spaces")]
    Url,
    #[error("must be a data URI of type {0}/…")]
    MediaType(&'static str),
    #[error("must be a data URI in base64: data:{0}/…;base64,…")]
    NotBase64(&'static str),
    #[error("is a data URI without data")]
    NoData,
    #[error("is a data URI whose data is not base64")]
    Alphabet,
    #[error("must be base64")]
    NoBase64,
}

/// Storage of providers: Volcengine's assets, Google's, Moonshot's, Alibaba's and Amazon's.
const STORAGE_SCHEMES: [&str; 5] = ["asset://", "gs://", "ms://", "oss://", "s3://"];

/// How far into the data the alphabet is checked.
const LOOKED_AT: usize = 256;

impl Address {
    pub(super) fn read(text: &str, media: Media) -> Result<Self, AddressError> {
        let starts = |prefix: &str| {
            text.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if starts("data:") {
            return data_uri(&text["data:".len()..], media);
        }
        if STORAGE_SCHEMES.into_iter().any(starts) || starts("files/") || starts("file-") {
            return Ok(Self::ProviderFile);
        }
        let rest = match () {
            () if starts("https://") => &text["https://".len()..],
            () if starts("http://") => &text["http://".len()..],
            () => return Err(AddressError::NeitherUrlNorData(media.name())),
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AddressError::Url);
        }
        // Google's Files API hands out plain URLs that only the uploader's key can read.
        let host = host.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        if host.eq_ignore_ascii_case("generativelanguage.googleapis.com") {
            return Ok(Self::ProviderFile);
        }
        Ok(Self::Http)
    }
}

/// Reads what may also be data by itself, without a head that says its type: sound and files.
pub(super) fn read_or_bare(text: &str, media: Media) -> Result<Address, AddressError> {
    match Address::read(text, media) {
        Err(AddressError::NeitherUrlNorData(_)) if !text.is_empty() && begins_in_base64(text) => {
            Ok(Address::Data)
        }
        Err(AddressError::NeitherUrlNorData(_)) => Err(AddressError::NoBase64),
        read => read,
    }
}

/// Reads what follows `data:` (RFC 2397).
fn data_uri(rest: &str, media: Media) -> Result<Address, AddressError> {
    const HEAD: usize = 256;
    let head_end = rest.bytes().take(HEAD).position(|byte| byte == b',');
    let Some(comma) = head_end else {
        return Err(AddressError::NotBase64(media.name()));
    };
    let (head, data) = (&rest[..comma], &rest[comma + 1..]);
    if let Some(prefix) = media.type_prefix() {
        let starts = head
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if !starts {
            return Err(AddressError::MediaType(media.name()));
        }
    }
    if !head
        .rsplit(';')
        .next()
        .is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"))
    {
        return Err(AddressError::NotBase64(media.name()));
    }
    if data.is_empty() {
        return Err(AddressError::NoData);
    }
    match begins_in_base64(data) {
        true => Ok(Address::Data),
        false => Err(AddressError::Alphabet),
    }
}

fn begins_in_base64(data: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte);
    data.bytes().take(LOOKED_AT).all(base64)
}
