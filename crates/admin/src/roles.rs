//! Who asks, and what they may do: handlers take a [`Reader`] or a [`Writer`], and there is no other way to either.

use std::{net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use jiff::Timestamp;
use tollgate_ledger::KeyHash;
use tollgate_store::{Actor, Operator, Role, Store};

use crate::{error::AdminError, server::Shared};

/// What came with the connection.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) client: IpAddr,
    pub(crate) request: Arc<str>,
}

/// Whoever has any role.
pub(crate) struct Reader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) operator: Operator,
    /// Of what was presented.
    pub(crate) hash: KeyHash,
}

/// An admin.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    /// What is changed by way of it is written down as this operator's.
    pub(crate) store: Store,
}

impl Reader {
    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }
}

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, AdminError> {
        let Some(presented) = parts.headers.get(header::AUTHORIZATION) else {
            return Err(nobody(shared, AdminError::MissingToken).await?);
        };
        let text = presented.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let hash = text.and_then(KeyHash::of_presented);
        let Some(hash) = hash else {
            return Err(nobody(shared, AdminError::UnknownToken).await?);
        };
        match shared.store.operator_with(&hash, Timestamp::now()).await? {
            Some(operator) => Ok(Self {
                shared: Arc::clone(shared),
                operator,
                hash,
            }),
            None => Err(nobody(shared, AdminError::UnknownToken).await?),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Writer {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, AdminError> {
        let Reader { operator, .. } = Reader::from_request_parts(parts, shared).await?;
        match operator.role {
            Role::Admin => {}
            Role::Viewer => {
                return Err(AdminError::ViewerMayNot {
                    operator: operator.name,
                });
            }
        }
        let asked = parts.extensions.get::<Asked>();
        let store = shared.store.acting_for(Actor {
            operator: operator.name.as_str().into(),
            request: asked.map(|asked| Arc::clone(&asked.request)),
        });
        Ok(Self {
            shared: Arc::clone(shared),
            store,
        })
    }
}

/// Whoever asks where nobody has to be known yet.
impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, AdminError> {
        let asked = parts.extensions.get().cloned();
        Ok(asked.expect("every request is given it"))
    }
}

/// `otherwise`, unless there is no operator at all, which is to be said then.
pub(crate) async fn nobody(shared: &Shared, otherwise: AdminError) -> Result<AdminError, AdminError> {
    match shared.store.has_operators().await? {
        true => Ok(otherwise),
        false => Ok(AdminError::NoOperator),
    }
}
