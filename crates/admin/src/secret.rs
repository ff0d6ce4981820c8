//! New secrets, out of the system's random bytes.

use tollgate_ledger::{KeyText, OperatorText};
use tollgate_store::NewText;

use crate::error::AdminError;

/// A key's text that nobody has seen before, and what is kept of it.
pub(crate) fn key() -> Result<(KeyText, NewText), AdminError> {
    let text = KeyText::from_random(&random()?);
    let kept = NewText {
        hash: text.hash(),
        prefix: text.prefix(),
    };
    Ok((text, kept))
}

pub(crate) fn operator_token() -> Result<OperatorText, AdminError> {
    Ok(OperatorText::token(&random()?))
}

pub(crate) fn session() -> Result<OperatorText, AdminError> {
    Ok(OperatorText::session(&random()?))
}

fn random() -> Result<[u8; KeyText::RANDOM_BYTES], AdminError> {
    let mut random = [0; KeyText::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|_| AdminError::Random)?;
    Ok(random)
}
