//! A gate's name belongs to one running gate, where several share a database.
//!
//! What a gate leases and charges is kept under its name, which is a file of its data directory. Where that was copied,
//! two gates would take each other's slices for their own and spend the same money twice. So a gate holds a lock of the
//! server by its name, on a connection of its own, for as long as it runs. The lock goes with the connection: at once
//! when the gate is killed, and where its machine is gone when the server has heard nothing of it for some seconds.
//! Beside it stands a lock that gates share by their time zone: two of unlike zones would each count a day of a budget by
//! itself, and grant all of it twice. So a gate does not start where the other lock is held.
//! Not here: files, which belong to one process as a whole ([`crate::database`]).

use std::{
    future::Future,
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::tz::{self, TimeZone};
use sqlx::{Connection as _, PgConnection};
use tokio::{task::JoinHandle, time};
use tracing::{error, info};

use crate::{
    data_dir,
    database::Store,
    error::StoreError,
    url::{DatabaseUrl, PostgresUrl},
};

/// How long a start waits for the name: longer than the server takes to notice that a gate is gone.
const WAIT: Duration = Duration::from_secs(12);
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How often a gate looks whether its connection is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Any number that no other program takes: the first of the locks of zones.
const OF_ZONES: i32 = 0x0074_676c;
/// The server gives a connection up that says nothing, or takes nothing, for six seconds, and closes none for being idle.
const SESSION: &str = "SELECT set_config('tcp_keepalives_idle', '3', false), \
    set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '3', false), \
    set_config('tcp_user_timeout', '6000', false), set_config('idle_session_timeout', '0', false)";

/// A gate's name, held until dropped.
#[derive(Debug)]
#[must_use = "the name is free again as soon as this is dropped"]
pub struct Claim {
    /// `None`: nobody else can use the database.
    keeper: Option<JoinHandle<()>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

impl Store {
    /// Takes a gate's name, and holds it. While another gate has it after all, since the connection was lost, nothing is
    /// leased ([`StoreError::NameTaken`]).
    ///
    /// Waits some seconds for the end of the one that has it, and of those that count days in another zone than `zone`.
    /// Of two that start at once in unlike zones, one at least is refused.
    pub async fn claim(
        &self,
        url: &DatabaseUrl,
        gate: &str,
        zone: &TimeZone,
        data_dir: &Path,
    ) -> Result<Claim, ClaimError> {
        let DatabaseUrl::Postgres(url) = url else {
            return Ok(Claim { keeper: None });
        };
        let url = url.clone();
        let locks = Locks {
            gate: number_of(gate),
            zone: number_of_zone(zone.iana_name().unwrap_or_default()),
        };
        let began = time::Instant::now();
        let held = loop {
            match take(&url, locks).await? {
                Some(mut held) => match other_zone(&mut held, locks.zone).await? {
                    None => break held,
                    Some(other) if began.elapsed() > WAIT => {
                        return Err(ClaimError::OtherZone {
                            own: zone.iana_name().unwrap_or_default().to_owned(),
                            other: name_of_zone(other),
                        });
                    }
                    // Without this one's locks meanwhile, so that another that waits for them to go is let in.
                    Some(_) => {
                        let _ = held.close().await;
                        time::sleep(ASK_EVERY).await;
                    }
                },
                None if began.elapsed() > WAIT => {
                    return Err(ClaimError::InUse {
                        gate: gate.to_owned(),
                        file: data_dir::gate_file(data_dir),
                    });
                }
                None => time::sleep(ASK_EVERY).await,
            }
        };
        let taken = Arc::clone(&self.name_is_taken);
        Ok(Claim {
            keeper: Some(tokio::spawn(keep(url, locks, held, taken))),
        })
    }
}

/// What a gate holds, as the server knows it.
#[derive(Clone, Copy)]
struct Locks {
    gate: i64,
    zone: u32,
}

/// Looks after the locks until it is aborted.
async fn keep(url: PostgresUrl, locks: Locks, held: PgConnection, taken: Arc<AtomicBool>) {
    let mut held = Some(held);
    let mut refused_since: Option<time::Instant> = None;
    let mut is_told = false;
    loop {
        time::sleep(LOOK_EVERY).await;
        if let Some(connection) = &mut held {
            let answered = time::timeout(ANSWER_WITHIN, connection.ping()).await;
            if matches!(answered, Ok(Ok(()))) {
                continue;
            }
            // The lock went with it.
            held = None;
        }
        // An error: the database is away, and gives nobody anything.
        let Ok(now) = take(&url, locks).await else {
            continue;
        };
        held = now;
        taken.store(held.is_none(), Ordering::Release);
        if held.is_some() {
            refused_since = None;
            if mem::take(&mut is_told) {
                info!("the gate has its name again");
            }
            continue;
        }
        // At first it may be this gate's own connection that was lost, of which the server has not heard yet.
        let since = *refused_since.get_or_insert_with(time::Instant::now);
        if !is_told && since.elapsed() > WAIT {
            is_told = true;
            error!(
                "another gate took this one's name: the data directory was copied; nothing is leased here any more"
            );
        }
    }
}

/// A connection that has the locks. `None`: another has the name.
async fn take(url: &PostgresUrl, locks: Locks) -> Result<Option<PgConnection>, StoreError> {
    let taking = async {
        let mut connection = PgConnection::connect_with(&url.options()).await?;
        sqlx::query(SESSION).execute(&mut connection).await?;
        let is_taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(locks.gate)
            .fetch_one(&mut connection)
            .await?;
        if !is_taken {
            return connection.close().await.map(|()| None);
        }
        // Nobody takes it for himself alone, so this waits for nobody.
        sqlx::query("SELECT pg_advisory_lock_shared($1, $2)")
            .bind(OF_ZONES)
            .bind(locks.zone.cast_signed())
            .execute(&mut connection)
            .await?;
        Ok(Some(connection))
    };
    answered(taking).await
}

/// The lock of a zone that a running gate has and that is not `zone`.
async fn other_zone(connection: &mut PgConnection, zone: u32) -> Result<Option<u32>, StoreError> {
    // Such locks have two numbers of 32 bits, which `objsubid` tells; the name's has one of 64.
    let asking = sqlx::query_scalar(
        "SELECT objid::bigint FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid::bigint = $1 AND objid::bigint <> $2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         LIMIT 1",
    )
    .bind(i64::from(OF_ZONES))
    .bind(i64::from(zone))
    .fetch_optional(connection);
    let other: Option<i64> = answered(asking).await?;
    Ok(other.and_then(|other| u32::try_from(other).ok()))
}

async fn answered<T>(asking: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    time::timeout(ANSWER_WITHIN, asking)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(StoreError::from)
}

fn number_of_zone(name: &str) -> u32 {
    crc32fast::hash(name.as_bytes())
}

/// The zone that has this number, of those that are known here.
fn name_of_zone(number: u32) -> String {
    let mut names = tz::db().available();
    let named = names.find(|name| number_of_zone(name.as_str()) == number);
    named.map_or_else(
        || "one that is not known here".to_owned(),
        |name| name.to_string(),
    )
}

/// What the server knows the name by: its digits, as they are 64 bits.
fn number_of(gate: &str) -> i64 {
    u64::from_str_radix(gate, 16).unwrap_or_default().cast_signed()
}

/// Why a gate's name cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error(
        "another tollgate runs on this database by the name of this one, {gate}, which {} says: the data directory was \
         copied",
        file.display()
    )]
    InUse { gate: String, file: PathBuf },
    #[error(
        "gates run on this database whose [accounting] time_zone is {other}, and here it is {own}: each would count days \
         of budgets by itself; stop all gates of one zone before one with another starts"
    )]
    OtherZone { own: String, other: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
