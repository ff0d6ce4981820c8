//! Channels: those of the configuration file, to look at, and those that are made here.

use std::collections::BTreeMap;

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tollgate_gateway::ChannelState;
use tollgate_store::{StoredChannel, sealed::SealError};

use self::{
    shown::ChannelShown,
    written::{ChannelUpdate, ChannelWrite},
};
use super::{ErrorShown, ok};
use crate::{
    body::Body,
    error::AdminError,
    keeper::WrongSetting,
    page::{Page, PageQuery, after, limit},
    query::{Name, Query},
    roles::{Reader, Writer},
    secrets,
    seen::{IfMatch, IfNoneMatch, Seen, tagged},
    server::Shared,
};

mod shown;
mod written;

/// Secrets that requests carry to whoever the channel leads to.
const SENT: [&str; 2] = ["api_key", "headers"];

/// All channels of this gate, by name.
async fn all(shared: &Shared) -> Result<Vec<ChannelShown>, AdminError> {
    let mut states: BTreeMap<String, ChannelState> = shared
        .gate
        .channel_states()
        .into_iter()
        .map(|state| (state.name.clone(), state))
        .collect();
    let mut shown = BTreeMap::new();
    for channel in shared.settings.channels.of_file() {
        let name = channel.settings.name.to_string();
        let state = states.remove(&name);
        shown.insert(
            name,
            ChannelShown::of_file(&channel.settings, channel.enabled, state),
        );
    }
    for channel in shared.store.stored_channels().await? {
        let name = channel.name.clone();
        let state = states.remove(&name);
        // The file's is the one in use.
        shown
            .entry(name)
            .or_insert_with(|| ChannelShown::stored(channel, shared, state));
    }
    Ok(shown.into_values().collect())
}

/// List channels, by name.
#[utoipa::path(get, path = "/channels", tag = "channels", operation_id = "list_channels", params(PageQuery),
    responses((status = 200, body = Page<ChannelShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(page): Query<PageQuery>) -> Result<Response, AdminError> {
    let limit = limit(&page.limit);
    let from = usize::try_from(after(&page.after).unwrap_or_default()).unwrap_or(usize::MAX);
    let found: Vec<(i64, ChannelShown)> = (1..)
        .zip(all(&reader.shared).await?)
        .skip(from)
        .take(limit as usize + 1)
        .collect();
    Ok(ok(&Page::of(
        found,
        limit,
        |(place, _)| *place,
        |(_, shown)| shown,
    )))
}

/// Get a channel.
#[utoipa::path(get, path = "/channels/{name}", tag = "channels", operation_id = "get_channel",
    params(("name" = String, Path), IfNoneMatch),
    responses((status = 200, body = ChannelShown, headers(("ETag" = String))), (status = 304),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    // First, so that the tag is of nothing newer than what is told.
    let stored = reader.store().stored_channels().await?;
    let stored = stored.iter().find(|channel| channel.name == name);
    let shown = one(&reader.shared, name).await?;
    Ok(seen.tell(&stored.map(settable), &shown))
}

async fn one(shared: &Shared, name: String) -> Result<ChannelShown, AdminError> {
    let mut all = all(shared).await?.into_iter();
    all.find(|channel| channel.name == name)
        .ok_or(AdminError::NotFound {
            what: "channel",
            name,
        })
}

/// Make a channel. Running gates use it within a second.
#[utoipa::path(post, path = "/channels", tag = "channels", operation_id = "create_channel",
    request_body = ChannelWrite,
    responses((status = 201, body = ChannelShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create(
    writer: Writer,
    Body(settings): Body<Map<String, Value>>,
) -> Result<Response, AdminError> {
    let shared = &writer.shared;
    let keeper = &*shared.settings.channels;
    let settings = without_nulls(settings);
    let checked = keeper.check(&settings)?;
    let name = checked.name.to_string();
    not_of_file(shared, &name, AdminError::NameTaken)?;
    let (mut plain, secrets) = secrets::split(settings);
    plain.shift_remove("name");
    let now = Timestamp::now();
    let channel = StoredChannel {
        sealed: secrets::sealed(&name, secrets, keeper.keys())?,
        settings: plain,
        created: now,
        updated: now,
        name,
    };
    writer.store.create_channel(&channel).await?;
    let shown = ChannelShown::stored(channel.clone(), shared, None);
    Ok(tagged(StatusCode::CREATED, &Some(settable(&channel)), &shown))
}

/// Change what is set at a channel that was made here, and leave the rest. Running gates know within a second.
#[utoipa::path(patch, path = "/channels/{name}", tag = "channels", operation_id = "update_channel",
    params(("name" = String, Path), IfMatch), request_body = ChannelUpdate,
    responses((status = 200, body = ChannelShown, headers(("ETag" = String))), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn update(
    writer: Writer,
    seen: Seen,
    Name(name): Name,
    Body(changes): Body<Map<String, Value>>,
) -> Result<Response, AdminError> {
    let shared = &writer.shared;
    let keeper = &*shared.settings.channels;
    not_of_file(shared, &name, AdminError::ManagedByFile)?;
    if changes.contains_key("name") {
        return Err(AdminError::value(
            "name",
            "cannot be changed; make another channel",
        ));
    }
    // Else whoever may change a channel could have its credential sent to a server of theirs.
    let moves = ["provider", "base_url", "proxy"]
        .iter()
        .any(|name| changes.contains_key(*name));
    let touches_secrets = secrets::NAMES.iter().any(|name| changes.contains_key(*name));
    let change = |channel: &mut StoredChannel| {
        seen.still(&Some(settable(channel)))?;
        let mut settings = match secrets::opened(channel, keeper.keys()) {
            Ok(settings) => settings,
            Err(error) if touches_secrets => {
                all_anew(&changes, error)?;
                let unsealed = StoredChannel {
                    sealed: None,
                    ..channel.clone()
                };
                secrets::opened(&unsealed, keeper.keys())?
            }
            Err(error) => return Err(error.into()),
        };
        let follows = |name: &&&str| settings.contains_key(**name) && !changes.contains_key(**name);
        if let Some(name) = SENT.iter().filter(|_| moves).find(follows) {
            let problem = "has to be given anew, or taken away by null, where requests are to go elsewhere";
            return Err(AdminError::value(*name, problem));
        }
        for (field, value) in &changes {
            match value {
                Value::Null => drop(settings.shift_remove(field)),
                value => drop(settings.insert(field.clone(), value.clone())),
            }
        }
        keeper.check(&settings)?;
        let (mut plain, secrets) = secrets::split(settings);
        plain.shift_remove("name");
        channel.settings = plain;
        if touches_secrets {
            channel.sealed = secrets::sealed(&channel.name, secrets, keeper.keys())?;
        }
        Ok::<_, AdminError>(())
    };
    let channel = writer
        .store
        .update_channel(&name, Timestamp::now(), change)
        .await?;
    let shown = one(shared, name).await?;
    Ok(tagged(StatusCode::OK, &Some(settable(&channel)), &shown))
}

/// Remove a channel that was made here. Requests under way on it go on.
#[utoipa::path(delete, path = "/channels/{name}", tag = "channels", operation_id = "delete_channel",
    params(("name" = String, Path), IfMatch),
    responses((status = 200, body = ChannelShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn delete(writer: Writer, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let shared = &writer.shared;
    not_of_file(shared, &name, AdminError::ManagedByFile)?;
    let may = |channel: &StoredChannel| seen.still(&Some(settable(channel)));
    let channel = writer.store.delete_channel(&name, may).await?;
    Ok(ok(&ChannelShown::stored(channel, shared, None)))
}

/// Fails unless all that may be secret of a channel is given anew, where nobody can tell what was sealed: what is left out
/// would be gone, and requests go to the provider without a proxy or a header that they had.
fn all_anew(changes: &Map<String, Value>, error: SealError) -> Result<(), AdminError> {
    let mut missing = secrets::NAMES.iter().filter(|name| !changes.contains_key(**name));
    match (missing.next(), error) {
        (None, _) => Ok(()),
        // The key is what is to be given.
        (Some(_), SealError::NoKey) => Err(error.into()),
        (Some(name), _) => Err(AdminError::value(
            *name,
            format!(
                "what is sealed of this channel cannot be read ({error}), so it cannot stay as it is: give {} anew, all of \
                 them in one; null says that there is none",
                secrets::NAMES.map(|name| format!("`{name}`")).join(", ")
            ),
        )),
    }
}

/// What can be set of a channel.
fn settable(channel: &StoredChannel) -> (&Map<String, Value>, Option<&[u8]>) {
    (&channel.settings, channel.sealed.as_deref())
}

/// Fails for the channels of the file.
fn not_of_file(
    shared: &Shared,
    name: &str,
    otherwise: impl FnOnce(String) -> AdminError,
) -> Result<(), AdminError> {
    let of_file = shared.settings.channels.of_file();
    match of_file
        .iter()
        .any(|channel| channel.settings.name.as_str() == name)
    {
        true => Err(otherwise(name.to_owned())),
        false => Ok(()),
    }
}

/// Null is as if it were not there.
fn without_nulls(settings: Map<String, Value>) -> Map<String, Value> {
    settings
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

impl From<WrongSetting> for AdminError {
    fn from(wrong: WrongSetting) -> Self {
        match wrong.is_unknown {
            true => Self::UnknownField {
                param: wrong.field,
                problem: wrong.problem,
            },
            false => Self::value(wrong.field, wrong.problem),
        }
    }
}

impl From<SealError> for AdminError {
    fn from(error: SealError) -> Self {
        Self::Sealing(error)
    }
}
