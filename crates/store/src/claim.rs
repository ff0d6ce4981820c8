//! A gate's name belongs to one running gate, where several share a database.
//!
//! What a gate leases and charges is kept under its name, which is a file of its data directory. Where that was copied,
//! two gates would take each other's slices for their own and spend the same money twice. So a gate holds a lock of the
//! server by its name, on a connection of its own, for as long as it runs. The lock goes with the connection: at once
//! when the gate is killed, and where its machine is gone when the server has heard nothing of it for some seconds.
//! Not here: files, which belong to one process as a whole ([`crate::database`]).

use std::{
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

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
    /// Waits some seconds for the end of the one that has it.
    pub async fn claim(&self, url: &DatabaseUrl, gate: &str, data_dir: &Path) -> Result<Claim, ClaimError> {
        let DatabaseUrl::Postgres(url) = url else {
            return Ok(Claim { keeper: None });
        };
        let (url, number) = (url.clone(), number_of(gate));
        let began = time::Instant::now();
        let held = loop {
            match take(&url, number).await? {
                Some(held) => break held,
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
            keeper: Some(tokio::spawn(keep(url, number, held, taken))),
        })
    }
}

/// Looks after the lock until it is aborted.
async fn keep(url: PostgresUrl, number: i64, held: PgConnection, taken: Arc<AtomicBool>) {
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
        let Ok(now) = take(&url, number).await else {
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

/// A connection that has the lock. `None`: another has it.
async fn take(url: &PostgresUrl, number: i64) -> Result<Option<PgConnection>, StoreError> {
    let taking = async {
        let mut connection = PgConnection::connect_with(&url.options()).await?;
        sqlx::query(SESSION).execute(&mut connection).await?;
        let is_taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(number)
            .fetch_one(&mut connection)
            .await?;
        match is_taken {
            true => Ok(Some(connection)),
            false => connection.close().await.map(|()| None),
        }
    };
    time::timeout(ANSWER_WITHIN, taking)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(StoreError::from)
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
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
