//! What every connection of the pool is set to at a server, whatever the server, the database and the role are set to.
//!
//! What was committed is on disk, and with a standby that commits wait for at the standby: files of the spool go on that
//! word. A stronger setting stays. And each statement sees what was committed before it, which is what writers that wait
//! for each other rely on.
//! Not here: the connection that holds a gate's name ([`crate::claim`]), which writes nothing.

use sqlx::{Postgres, pool::PoolOptions};

const SESSION: &str = "SELECT set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)";

/// Sets each connection as it is made.
pub(super) fn set(options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    options.after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::query(SESSION).persistent(false).execute(connection).await?;
            Ok(())
        })
    })
}
