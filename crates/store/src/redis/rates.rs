//! The lines of rates that gates share.

use tollgate_ledger::limits::rate::{Asked, Granted, Line};

use super::{Redis, RedisAway, SMALL_WITHIN};

impl Redis {
    /// Tells a rate's line something, and asks it for more. The rate is named by `key`, alike at all gates.
    ///
    /// Where it fails nobody asks for any rate until Redis answers again.
    pub(crate) async fn ask_line(&self, key: &str, asked: &Asked) -> Result<Granted, RedisAway> {
        let inner = &*self.0;
        if !self.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let Asked {
            now,
            limit,
            line,
            debt,
            back,
            least,
            most,
        } = *asked;
        let answer = inner
            .small
            .call(SMALL_WITHIN, async |connection| {
                let mut call = inner.rates.key(inner.key("rate", key.as_bytes()));
                call.key(inner.key("rate-limit", key.as_bytes()));
                let numbers = [now, Line::FURTHEST, line, debt, back, least, most];
                for number in numbers.into_iter().chain([u64::from(limit), Line::SETTLES]) {
                    call.arg(number);
                }
                call.invoke_async::<(u64, u64, u64)>(connection).await
            })
            .await;
        let (from, given, line) = answer.inspect_err(|error| inner.fails(error))?;
        Ok(Granted { from, given, line })
    }
}
