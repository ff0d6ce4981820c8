//! What stands behind the `?` of an address; what is wrong with it names the parameter.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{body::from_serde, error::AdminError, server::Shared};

const NOT_UTF8: &str = "is not UTF-8 where its `%` escapes are read";

/// What no database is asked for: PostgreSQL has no text with this character, and nothing here has a name with it.
pub(crate) const HAS_NUL: &str = "has the character U+0000 in it, which nothing here has";

/// The parameters of an address, each of them once.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Query<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, AdminError> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, AdminError> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if members.contains_key(&*name) {
            return Err(AdminError::value(name, "stands there more than once"));
        }
        if value.contains('\0') {
            return Err(AdminError::value(name, HAS_NUL));
        }
        members.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let param = match error.path().to_string().as_str() {
            "." => String::new(),
            path => path.to_owned(),
        };
        from_serde(param, &error.inner().to_string())
    })
}

/// Two names that stand in the address, one behind the other.
pub(crate) struct TwoNames(pub(crate) String, pub(crate) String);

impl FromRequestParts<Arc<Shared>> for TwoNames {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, AdminError> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, shared)
            .await
            .map_err(|_| AdminError::value("name", NOT_UTF8))?;
        Ok(Self(without_nul(first)?, without_nul(second)?))
    }
}

/// A name that stands in the address.
pub(crate) struct Name(pub(crate) String);

impl FromRequestParts<Arc<Shared>> for Name {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, AdminError> {
        let Path(name) = Path::<String>::from_request_parts(parts, shared)
            .await
            .map_err(|_| AdminError::value("name", NOT_UTF8))?;
        without_nul(name).map(Self)
    }
}

fn without_nul(name: String) -> Result<String, AdminError> {
    match name.contains('\0') {
        true => Err(AdminError::value("name", HAS_NUL)),
        false => Ok(name),
    }
}
