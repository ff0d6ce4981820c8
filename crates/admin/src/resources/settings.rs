//! The configuration in force, to look at: it lives in the file.

use axum::response::Response;

use super::{ErrorShown, ok};
use crate::roles::Reader;

/// Show the configuration in force, without secrets. It is changed in the file; channels have a list of their own.
#[utoipa::path(get, path = "/settings", tag = "settings", operation_id = "get_settings",
    responses((status = 200, body = Object), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader) -> Response {
    ok(&reader.shared.settings.effective)
}
