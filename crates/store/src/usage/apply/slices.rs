//! What is booked of the slices that a gate holds: it is in the books from now on, and is held no longer.

use std::collections::HashMap;

use tollgate_ledger::Period;

use super::{Book, NewRecord};
use crate::{
    database::connection::Transaction,
    leases::{Payer, first_day},
};

/// Takes charges from the slices that they were held in.
pub(super) async fn book_slices(
    connection: &mut Transaction,
    book: &Book,
    new: &[NewRecord<'_>],
) -> Result<(), sqlx::Error> {
    if !book.has_leases || new.is_empty() {
        return Ok(());
    }
    let slices: Vec<Slice> = connection
        .query("SELECT owner, owner_id, per, since FROM leases WHERE gate = $1 ORDER BY owner, owner_id, per, since")
        .bind(book.gate.clone())
        .fetch_all()
        .await?;
    if slices.is_empty() {
        return Ok(());
    }
    let charges = charges(book, new);
    for slice in slices {
        let Some(charge) = charges.get(&slice) else {
            continue;
        };
        let (owner, id, per, since) = slice;
        connection
            .query(
                "UPDATE leases SET booked_nanos = booked_nanos + $6
                 WHERE owner = $1 AND owner_id = $2 AND per = $3 AND since = $4 AND gate = $5",
            )
            .bind(owner)
            .bind(id)
            .bind(per)
            .bind(since)
            .bind(book.gate.clone())
            .bind(*charge)
            .execute()
            .await?;
    }
    Ok(())
}

/// Whose it is, of what time, and since when, as the columns say it.
type Slice = (String, i64, String, String);

/// The charges of each slice that there could be.
fn charges(book: &Book, new: &[NewRecord<'_>]) -> HashMap<Slice, i64> {
    let mut charges = HashMap::new();
    for NewRecord {
        record,
        account,
        key,
        charge,
        ..
    } in new
    {
        let came = book.zone.to_datetime(record.started).date();
        for payer in [Payer::Key(*key), Payer::Account(*account)] {
            let (owner, id) = payer.columns();
            for per in [Period::Total, Period::Day, Period::Month] {
                let since = first_day(per, came).to_string();
                let slice = (owner.to_owned(), id, per.as_str().to_owned(), since);
                let sum = charges.entry(slice).or_insert(0_i64);
                *sum = sum.saturating_add(*charge);
            }
        }
    }
    charges
}
