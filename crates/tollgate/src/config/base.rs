//! The address under which something is found by its path.

use url::Url;

use super::mistake::Mistake;

/// An address over http or https with nothing but a path, without its final slash.
pub fn base(field: &'static str, text: &str) -> Result<Url, Mistake> {
    let mut url = Url::parse(text).map_err(|cause| Mistake::Url { field, cause })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Mistake::UrlScheme { field });
    }
    let has_more = url.password().is_some()
        || !url.username().is_empty()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_more {
        return Err(Mistake::UrlParts { field });
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}
