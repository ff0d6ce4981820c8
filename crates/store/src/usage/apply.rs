//! Records into the books: usage, ledger, balances, sums by day and the spool's position, in one transaction.
//!
//! A request is booked once, however often its record comes: what its ID was inserted for decides about
//! everything else. A record is never refused for what it says. Where its account is not in this database ([`whose`]),
//! or its balance would leave the range of an amount, the record is kept without an entry, the log says so, and
//! `ledger verify` goes on saying so.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock},
};

use jiff::tz::TimeZone;
use tollgate_ledger::{AccountId, KeyId, UsageRecord};
use tracing::error;

use self::{
    days::add_to_days,
    slices::book_slices,
    values::{Names, Values},
    whose::{Whose, tell_missing},
};
use super::row::{TokenColumns, micros};
use crate::{
    database::{Store, connection::Transaction},
    error::StoreError,
    spool::Position,
};

mod days;
mod slices;
mod values;
mod whose;

/// Rows of one statement: few different numbers, so that statements stay prepared.
const ROWS: [usize; 4] = [64, 16, 4, 1];

/// Where the applied records came from, and how they are counted.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) gate: String,
    /// In which days begin.
    pub(crate) zone: TimeZone,
    /// Whether the gate holds slices of what is spent.
    pub(crate) has_leases: bool,
}

/// What applying records came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Applied {
    /// Records that were not there before.
    pub(crate) new: usize,
    /// Those of them with a charge that was not booked.
    pub(crate) unbooked: usize,
}

impl Store {
    /// Up to where a gate's spool is in the database; the beginning where that is not known.
    pub(crate) async fn spool_position(&self, gate: &str) -> Result<Position, StoreError> {
        let row: Option<(i64, i64)> = self
            .pool
            .query("SELECT segment, byte_offset FROM spool_positions WHERE gate = $1")
            .bind(gate)
            .fetch_optional()
            .await?;
        Ok(row.map_or_else(Position::default, |(segment, offset)| Position {
            segment: segment.cast_unsigned(),
            offset: offset.cast_unsigned(),
        }))
    }

    /// Whether this database has had records of a gate.
    pub async fn knows_gate(&self, gate: &str) -> Result<bool, StoreError> {
        Ok(self.spool_position(gate).await? != Position::default())
    }

    /// Books records, each once, and notes that everything before `next` is booked. `from` is up to where everything was
    /// booked before, as the database has said it. `None`: it says something else by now, and nothing is booked.
    ///
    /// Cancel safety: nothing is booked unless everything is.
    pub(crate) async fn apply_batch(
        &self,
        book: &Book,
        records: &[UsageRecord<'_>],
        from: Position,
        next: Position,
    ) -> Result<Option<Applied>, StoreError> {
        let mut tried = self.try_apply(book, records, from, next, Expect::New).await?;
        if tried == Tried::NotNew {
            // Some were there: after a crash, or with a position that was lost.
            tried = self.try_apply(book, records, from, next, Expect::Any).await?;
        }
        Ok(match tried {
            Tried::Done(applied) => Some(applied),
            Tried::NotNew | Tried::Moved => None,
        })
    }

    /// Nothing is done unless it is [`Tried::Done`].
    async fn try_apply(
        &self,
        book: &Book,
        records: &[UsageRecord<'_>],
        from: Position,
        next: Position,
        expect: Expect,
    ) -> Result<Tried, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // First, since this is the row that makes writers wait for each other.
        transaction
            .query("UPDATE versions SET value = value + 1 WHERE name = 'ledger_entries'")
            .execute()
            .await?;
        let whose = Whose::look_up(&mut transaction, records).await?;
        let rows: Vec<NewRecord<'_>> = records
            .iter()
            .map(|record| NewRecord::of(record, &whose))
            .collect();
        let Some(mut new) = insert_records(&mut transaction, book, rows, expect).await? else {
            return Ok(Tried::NotNew);
        };
        tell_missing(&new);
        let bookable = accounts_with_reach(&mut transaction, &new).await?;
        let mut applied = Applied {
            new: new.len(),
            unbooked: 0,
        };
        for record in &mut new {
            if record.charge == 0 {
                continue;
            }
            if record.account.had_number().is_some() {
                record.charge = 0;
                applied.unbooked += 1;
            } else if !bookable.contains(&record.account) {
                error!(
                    request_id = &*record.id,
                    account_id = record.account.get(),
                    charge_nanos = record.charge,
                    "a request cannot be charged: its account's balance is too low"
                );
                record.charge = 0;
                applied.unbooked += 1;
            }
        }
        let (charged, mut counted): (Vec<_>, Vec<_>) = new.into_iter().partition(|record| record.charge > 0);
        // One that was charged before its record was pruned is not counted again.
        let Some(entered) = insert_entries(&mut transaction, charged, expect).await? else {
            return Ok(Tried::NotNew);
        };
        lower_balances(&mut transaction, &entered).await?;
        book_slices(&mut transaction, book, &entered).await?;
        counted.extend(entered);
        add_to_days(&mut transaction, book, &counted).await?;
        if !move_position(&mut transaction, &book.gate, from, next).await? {
            return Ok(Tried::Moved);
        }
        transaction.commit().await?;
        Ok(Tried::Done(applied))
    }
}

/// What became of records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Done(Applied),
    /// It was expected that all of them are new, and some are not.
    NotNew,
    /// The database does not say that everything up to their beginning is booked.
    Moved,
}

/// `false`: the database is not at `from`, as after a failover to a server that lacks what the last one had said.
async fn move_position(
    transaction: &mut Transaction,
    gate: &str,
    from: Position,
    next: Position,
) -> Result<bool, sqlx::Error> {
    let text = match from == Position::default() {
        true => {
            "INSERT INTO spool_positions (gate, segment, byte_offset) VALUES ($1, $2, $3)
             ON CONFLICT (gate) DO UPDATE SET segment = excluded.segment, byte_offset = excluded.byte_offset
             WHERE spool_positions.segment = $4 AND spool_positions.byte_offset = $5"
        }
        false => {
            "UPDATE spool_positions SET segment = $2, byte_offset = $3
             WHERE gate = $1 AND segment = $4 AND byte_offset = $5"
        }
    };
    let moved = transaction
        .query(text)
        .bind(gate.to_owned())
        .bind(next.segment.cast_signed())
        .bind(next.offset.cast_signed())
        .bind(from.segment.cast_signed())
        .bind(from.offset.cast_signed())
        .execute()
        .await?;
    Ok(moved == 1)
}

/// What is expected of records before they are inserted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// That none of them is there. They are inserted many at once, and it is noticed where that is wrong.
    New,
    /// Nothing. Each is inserted by itself, which tells whether it was there.
    Any,
}

/// A record that was not in the database.
struct NewRecord<'a> {
    record: &'a UsageRecord<'a>,
    id: Arc<str>,
    /// Whose it is in this database.
    account: AccountId,
    key: KeyId,
    /// What is booked of its charge, in nano-dollars.
    charge: i64,
}

impl<'a> NewRecord<'a> {
    fn of(record: &'a UsageRecord<'a>, whose: &Whose) -> Self {
        let (account, key) = whose.of(record);
        Self {
            record,
            account,
            key,
            id: record.request.to_string().into(),
            charge: record.charge.map_or(0, |charge| charge.nanos().max(0)),
        }
    }
}

/// Those that were not there.
async fn insert_records<'a>(
    connection: &mut Transaction,
    book: &Book,
    rows: Vec<NewRecord<'a>>,
    expect: Expect,
) -> Result<Option<Vec<NewRecord<'a>>>, sqlx::Error> {
    const INSERT: &str = "INSERT INTO usage_records (
             request_id, gate, account_id, key_id, started_at_us, duration_us, first_output_us, model,
             served_model, provider, channel, service_tier, stream, outcome, estimated, price_version, held_nanos,
             charge_nanos, cost_nanos, lost_cost_nanos, prompt_tokens, completion_tokens, cached_tokens,
             reasoning_tokens, cache_write_tokens, cache_write_1h_tokens, prompt_audio_tokens,
             prompt_image_tokens, prompt_video_tokens, completion_audio_tokens, completion_image_tokens,
             accepted_prediction_tokens, rejected_prediction_tokens, cached_audio_tokens
         ) VALUES ";
    static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts::new(INSERT, &["?"; 34]));
    // Most requests have tokens of the usual classes only, and what is always 0 need not be handed over.
    static USUAL: LazyLock<Texts> = LazyLock::new(|| {
        let mut row = ["?"; 34];
        row[24..].fill("0");
        Texts::new(INSERT, &row)
    });
    let mut names = Names::default();
    let gate: Arc<str> = book.gate.as_str().into();
    let mut fixed = |values: &mut Values, row: &NewRecord<'_>| {
        let record = row.record;
        values.add(Arc::clone(&row.id))?;
        values.add(Arc::clone(&gate))?;
        values.add(row.account.get())?;
        values.add(row.key.get())?;
        values.add(record.started.as_microsecond())?;
        values.add(micros(record.duration))?;
        values.add(record.first_output.map(micros))?;
        values.add(names.shared(&record.model))?;
        values.add(names.shared(&record.served_model))?;
        values.add(names.shared(&record.provider))?;
        values.add(names.shared(&record.channel))?;
        values.add(record.service_tier.as_deref().map(|tier| names.shared(tier)))?;
        values.add(i64::from(record.stream))?;
        values.add(names.shared(&record.outcome))?;
        values.add(i64::from(record.estimated))?;
        values.add(
            record
                .price_version
                .as_deref()
                .map(|version| names.shared(version)),
        )?;
        values.add(record.held.nanos())?;
        values.add(record.charge.map(|charge| charge.nanos()))?;
        values.add(record.cost.map(|cost| cost.nanos()))?;
        values.add(record.lost_cost.nanos())?;
        TokenColumns::from(&record.usage)
            .usual()
            .into_iter()
            .try_for_each(|tokens| values.add(tokens))
    };
    let (usual, others): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| TokenColumns::from(&row.record.usage).unusual() == [0; 10]);
    let Some(mut inserted) = insert(connection, &USUAL, usual, expect, &mut fixed).await? else {
        return Ok(None);
    };
    let with_all = |values: &mut Values, row: &NewRecord<'_>| {
        fixed(values, row)?;
        TokenColumns::from(&row.record.usage)
            .unusual()
            .into_iter()
            .try_for_each(|tokens| values.add(tokens))
    };
    let Some(others) = insert(connection, &TEXTS, others, expect, with_all).await? else {
        return Ok(None);
    };
    inserted.extend(others);
    Ok(Some(inserted))
}

/// Those of requests that were not charged before.
async fn insert_entries<'a>(
    connection: &mut Transaction,
    rows: Vec<NewRecord<'a>>,
    expect: Expect,
) -> Result<Option<Vec<NewRecord<'a>>>, sqlx::Error> {
    static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
        Texts::new(
            "INSERT INTO ledger_entries (id, account_id, kind, amount_nanos, request_id, created_at) VALUES ",
            &["?", "?", "'charge'", "?", "?", "?"],
        )
    });
    if rows.is_empty() {
        return Ok(Some(rows));
    }
    let mut entry: i64 = connection
        .query("SELECT coalesce(max(id), 0) FROM ledger_entries")
        .fetch_scalar()
        .await?;
    let fill = |values: &mut Values, row: &NewRecord<'_>| {
        entry += 1;
        values.add(entry)?;
        values.add(row.account.get())?;
        values.add(-row.charge)?;
        values.add(Arc::clone(&row.id))?;
        values.add(row.record.ended().as_second())
    };
    insert(connection, &TEXTS, rows, expect, fill).await
}

/// Inserts rows, and gives back those that were not there.
async fn insert<'a>(
    connection: &mut Transaction,
    texts: &'static Texts,
    rows: Vec<NewRecord<'a>>,
    expect: Expect,
    mut fill: impl FnMut(&mut Values, &NewRecord<'a>) -> Result<(), sqlx::Error>,
) -> Result<Option<Vec<NewRecord<'a>>>, sqlx::Error> {
    let mut inserted = Vec::with_capacity(rows.len());
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let most = match expect {
            Expect::New => rows.len(),
            Expect::Any => 1,
        };
        let (size, text) = texts.for_rows(most, connection);
        let before = inserted.len();
        inserted.extend(rows.by_ref().take(size));
        let mut values = Values::for_as_many(size * texts.values, connection);
        for row in &inserted[before..] {
            fill(&mut values, row)?;
        }
        let affected = values.execute(text).await?;
        match affected == size as u64 {
            true => {}
            false if size > 1 => return Ok(None),
            false => inserted.truncate(before),
        }
    }
    Ok(Some(inserted))
}

/// One statement for each number of rows that is inserted at once, for each database.
struct Texts {
    /// Of one row.
    values: usize,
    of_sqlite: [(usize, String); ROWS.len()],
    of_postgres: [(usize, String); ROWS.len()],
}

impl Texts {
    /// `insert` is all that stands before the values, and `row` is a row's values: question marks, and what is
    /// always the same.
    ///
    /// SQLite gets them without numbers, which it would look up by their names, each among all before it; PostgreSQL
    /// wants them, and finds them at once.
    fn new(insert: &str, row: &[&str]) -> Self {
        let texts = |mark: fn(usize) -> String| {
            ROWS.map(|rows| {
                let mut marks = (1..).map(mark);
                let mut value = |value: &&str| match *value {
                    "?" => marks.next().unwrap_or_default(),
                    same => same.to_owned(),
                };
                let mut row = |_| format!("({})", row.iter().map(&mut value).collect::<Vec<_>>().join(", "));
                let values = (0..rows).map(&mut row).collect::<Vec<_>>().join(", ");
                (
                    rows,
                    format!("{insert}{values} ON CONFLICT (request_id) DO NOTHING"),
                )
            })
        };
        Self {
            values: row.iter().filter(|value| **value == "?").count(),
            of_sqlite: texts(|_| "?".to_owned()),
            of_postgres: texts(|number| format!("${number}")),
        }
    }

    /// The text for as many rows as there is one for, up to `rows`, which is not 0.
    fn for_rows(&'static self, rows: usize, transaction: &Transaction) -> (usize, &'static str) {
        let texts = match transaction {
            Transaction::Sqlite(_) => &self.of_sqlite,
            Transaction::Postgres(_) => &self.of_postgres,
        };
        let fits = texts.iter().find(|(size, _)| *size <= rows);
        let (size, text) = fits.unwrap_or(&texts[ROWS.len() - 1]);
        (*size, text)
    }
}

/// Those accounts that are there, and whose balance stays in reach with everything that is to be booked.
async fn accounts_with_reach(
    connection: &mut Transaction,
    new: &[NewRecord<'_>],
) -> Result<HashSet<AccountId>, sqlx::Error> {
    let mut bookable = HashSet::new();
    for (account, charge) in charges(new) {
        let row: Option<(i64,)> = connection
            .query("SELECT balance_nanos FROM accounts WHERE id = $1")
            .bind(account.get())
            .fetch_optional()
            .await?;
        let after = row
            .zip(charge)
            .and_then(|((balance,), charge)| balance.checked_sub(charge));
        if after.is_some() {
            bookable.insert(account);
        }
    }
    Ok(bookable)
}

/// The sum of each account's charges; `None`: beyond all amounts.
fn charges(new: &[NewRecord<'_>]) -> BTreeMap<AccountId, Option<i64>> {
    let mut charges = BTreeMap::new();
    for record in new.iter().filter(|record| record.charge > 0) {
        let sum = charges.entry(record.account).or_insert(Some(0_i64));
        *sum = sum.and_then(|sum| sum.checked_add(record.charge));
    }
    charges
}

async fn lower_balances(connection: &mut Transaction, new: &[NewRecord<'_>]) -> Result<(), sqlx::Error> {
    for (account, charge) in charges(new) {
        connection
            .query("UPDATE accounts SET balance_nanos = balance_nanos - $2 WHERE id = $1")
            .bind(account.get())
            .bind(charge.unwrap_or_default())
            .execute()
            .await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
