//! Why a command failed, as its user is told.

use std::{
    fmt::Display,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use miette::Diagnostic;
use tollgate_admin::password::NotPassword;
use tollgate_engine::pull::PullError;
use tollgate_gateway::TelemetryError;
use tollgate_store::{
    AssignError, BackupError, ChangeAccountError, ChangeChannelError, ChangeKeyError, ChangeOperatorError,
    ClaimError, CreateAccountError, CreateKeyError, CreateOperatorError, DataDirError, DatabaseLockError,
    OpenError, SpoolError, StartError, StoreError,
    sealed::SealError,
    spool::{Owner, Unreadable},
};

use crate::config::ConfigErrors;

/// A command's failure. Its text names what to change where that is known.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    DatabaseLock(#[from] DatabaseLockError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Books(#[from] StartError),
    #[error(transparent)]
    CreateKey(#[from] CreateKeyError),
    #[error(transparent)]
    ChangeKey(#[from] ChangeKeyError),
    #[error(transparent)]
    CreateAccount(#[from] CreateAccountError),
    #[error(transparent)]
    ChangeAccount(#[from] ChangeAccountError),
    #[error(transparent)]
    CreateOperator(#[from] CreateOperatorError),
    #[error(transparent)]
    ChangeOperator(#[from] ChangeOperatorError),
    #[error(transparent)]
    Password(#[from] NotPassword),
    #[error("nothing can be read from standard input: {0}")]
    Input(io::Error),
    #[error("there is nothing to change: name at least one setting")]
    NothingToChange,
    #[error("what takes credit back has to say why: --note \"a mistake of the 17th\"")]
    CorrectionWithoutNote,
    #[error("there is no budget that the period could be of")]
    PeriodWithoutBudget,
    #[error("neither the catalogue nor a channel has a model `{model}`")]
    NoSuchModel { model: String, nearest: Option<String> },
    #[error("{} cannot be read: {cause}", path.display())]
    ImportFile { path: PathBuf, cause: io::Error },
    #[error("{} names no key", .0.display())]
    NothingToImport(PathBuf),
    #[error("{wrong} lines are wrong, so nothing was imported")]
    NotImported { wrong: usize },
    #[error("the books do not agree with themselves")]
    LedgerDiffers,
    #[error(transparent)]
    Assign(#[from] AssignError),
    #[error("there is more than these {told} rows, and nothing of it is in them")]
    MoreWasUsed { told: usize },
    #[error("`{field}`: cannot listen on {address}: {cause}")]
    Listen {
        field: &'static str,
        address: SocketAddr,
        cause: io::Error,
    },
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error("the embedded model cannot be looked at: {0}")]
    Engine(io::Error),
    #[error(
        "the channel `{name}` stands in the configuration file and in the database: one of them has to go"
    )]
    ChannelTwice { name: String },
    #[error("no channel is left in the file, and the embedded model would answer in their place")]
    NoChannelLeft,
    #[error("the secrets of the channel `{channel}` cannot be sealed anew: {cause}")]
    Sealed { channel: String, cause: SealError },
    #[error(transparent)]
    ChangeChannel(#[from] ChangeChannelError),
    #[error("no enabled channel is called `{0}`")]
    NoSuchChannel(String),
    #[error("no request with the ID `{0}` is known to the gate or in the books")]
    NoSuchRequest(String),
    #[error("no gate answers on {0}, the admin listener of this configuration")]
    NoGate(SocketAddr),
    #[error("no gate says on http://{address}{path} that all is well")]
    NotHealthy { address: SocketAddr, path: &'static str },
    #[error("{failed} of {tested} channels did not answer")]
    ChannelsFailed { failed: usize, tested: usize },
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("nothing can be sent to the collector of [telemetry]: {0}")]
    Telemetry(#[from] TelemetryError),
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    #[error("nothing can be written to standard output: {0}")]
    Output(io::Error),
    #[error("the system refused what the program needs: {0}")]
    Runtime(io::Error),
    #[error("ended by a second signal, with requests still under way")]
    Cut,
}

impl Diagnostic for CliError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help = match self {
            Self::DataDir(DataDirError::InUse { .. }) => {
                "one `tollgate serve` runs on a data directory; server.data_dir names another".to_owned()
            }
            Self::DatabaseLock(DatabaseLockError::InUse { .. }) => {
                "one `tollgate serve` runs on a file, since each would give all of a budget out; several share a PostgreSQL, \
                 which database.url names"
                    .to_owned()
            }
            Self::Open(OpenError::NotThere { .. }) => {
                "server.data_dir in the configuration says where it is, from the working directory on, or database.url; \
                 `tollgate serve` makes it"
                    .to_owned()
            }
            Self::Open(OpenError::Older { .. }) => {
                "`tollgate serve` brings it up to date, and so does the same command for good".to_owned()
            }
            Self::Claim(ClaimError::InUse { file, .. }) => {
                format!(
                    "remove {} in the copy, which then gets a name of its own; a gate that is cut off from the server loses \
                     its name in some seconds",
                    file.display()
                )
            }
            Self::Spool(SpoolError::OfOtherDatabase {
                path, found, wanted, ..
            }) => for_its_database(path, "", found.is_some(), wanted),
            Self::Spool(SpoolError::UnreadableOfOtherDatabase {
                path,
                why,
                found,
                wanted,
            }) => {
                let how = match why {
                    Unreadable::Damaged { .. } => ", with --skip-damaged,",
                    Unreadable::Newer => ", with the version that wrote it,",
                };
                let folder = path.parent().unwrap_or(path);
                for_its_database(folder, how, found.is_some(), wanted)
            }
            Self::CreateKey(CreateKeyError::NameTaken { name }) => {
                format!("choose another name, or end that key first: tollgate keys revoke --name {name}")
            }
            Self::ChangeKey(ChangeKeyError::NoSuchKey { .. } | ChangeKeyError::NoKeyCalled { .. }) => {
                "the names are in: tollgate keys list".to_owned()
            }
            Self::CreateKey(CreateKeyError::NoSuchAccount { .. })
            | Self::ChangeKey(ChangeKeyError::NoSuchAccount { .. })
            | Self::ChangeAccount(ChangeAccountError::NoSuchAccount { .. })
            | Self::Assign(AssignError::Account(ChangeAccountError::NoSuchAccount { .. })) => {
                "the names are in: tollgate accounts list".to_owned()
            }
            Self::Assign(AssignError::NothingMissing { .. }) => {
                "the numbers of such accounts are in the notes of: tollgate ledger verify".to_owned()
            }
            Self::ChangeOperator(ChangeOperatorError::NoSuchOperator { .. }) => {
                "the names are in: tollgate operators list".to_owned()
            }
            Self::MoreWasUsed { .. } => {
                "--csv and --json print all rows; --by, --from and --until make fewer of them".to_owned()
            }
            Self::PeriodWithoutBudget => "--budget sets one".to_owned(),
            Self::NoSuchModel {
                nearest: Some(id), ..
            } => format!("did you mean `{id}`? The models are in: tollgate models list"),
            Self::NoSuchModel { nearest: None, .. } => "the models are in: tollgate models list".to_owned(),
            Self::Listen { field, .. } => {
                format!("{field} in the configuration sets it; port 0 takes any free one")
            }
            Self::NoSuchRequest(_) => {
                "it is the answer's x-tollgate-request-id, of a request that has ended; of one that was let in the books have \
                 a record, for as long as [retention] says"
                    .to_owned()
            }
            Self::NoGate(_) => "and the books have no record of the request; a running gate remembers more: tollgate serve".to_owned(),
            Self::ChannelTwice { .. } => {
                "rename the one in the file, or delete the other by the admin API of a gate without it"
                    .to_owned()
            }
            Self::NoChannelLeft => {
                "where that is meant, start again; with [sandbox] enabled = false no channel is an answer too"
                    .to_owned()
            }
            Self::NoSuchChannel(_) => "the names are in: tollgate channels list".to_owned(),
            _ => return None,
        };
        Some(Box::new(help))
    }
}

/// What to do with the spool in this folder, whose records are for another database than `wanted`. `how`: what a start on
/// that one needs; `is_named`: whether it is known which one that is.
fn for_its_database(folder: &Path, how: &str, is_named: bool, wanted: &Owner) -> String {
    let (database, is_the_same) = match is_named {
        true => (
            "that database",
            "this one is that database, restored from an earlier copy",
        ),
        false => ("the database that they are for", "they are for this one"),
    };
    format!(
        "start once on {database}{how} and end it with SIGTERM, which brings them there; where {is_the_same}, write its name, \
         {}, into the first line of {}; or move {} away, and they are charged to nobody",
        wanted.name,
        folder.join("database.id").display(),
        folder.display()
    )
}

impl CliError {
    /// Whether the reader of our output has gone.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
    }
}
