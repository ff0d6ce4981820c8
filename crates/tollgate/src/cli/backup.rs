//! `tollgate backup`: a copy of the database, and what to do with it.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use tollgate_store::{Backup as Written, DatabaseUrl, Store};

use crate::{config::Config, error::CliError, print};

#[derive(Debug, Args)]
#[command(after_help = "\
The copy holds accounts, keys (as hashes), the ledger and usage; not the configuration and its credentials. The name of \
the file is printed alone on standard output, and how to restore it on standard error.

Examples:
  tollgate backup /var/backups/tollgate
  FILE=$(tollgate backup backups)")]
pub struct Backup {
    /// The folder for it, made where it is missing; nothing in it is overwritten
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub async fn run(asked: Backup, config: &Config) -> Result<(), CliError> {
    Store::is_there(&config.database)?;
    let data_dir = &config.server.data_dir;
    let backup = Written::write(&config.database, data_dir, &asked.folder, Timestamp::now()).await?;
    print::line(&backup.path.display().to_string())?;
    print::remark(&format!("{} bytes, checked and on disk.", backup.bytes));
    if backup.only_in_spool > 0 {
        print::remark(&format!(
            "{} requests that have ended are not in it: they are in {} alone. A gate that runs there brings them to \
             the database; copy that folder too if it may be lost.",
            backup.only_in_spool,
            data_dir.join("spool").display()
        ));
    }
    remark_on_restoring(&backup, config);
    Ok(())
}

fn remark_on_restoring(backup: &Written, config: &Config) {
    let DatabaseUrl::Sqlite(database) = &config.database else {
        return;
    };
    let database = database.display();
    print::remark(&format!(
        "To restore it, with the gate stopped:\n  rm -f {database}-wal {database}-shm\n  cp {} {database}\n  \
         tollgate ledger verify",
        backup.path.display()
    ));
}
