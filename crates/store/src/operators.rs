//! The tables of operators, who use the admin API, and of what they present there.
//!
//! Of a token or a session only the SHA-256 is kept, of a password its slow hash; whoever reads the database cannot
//! sign in.
//! Not here: how passwords are hashed and compared, and what a role allows (`tollgate-admin`).

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use sqlx::FromRow;
use tollgate_ledger::KeyPrefix;

use crate::{
    audit::{Actor, Change, Resource, state},
    database::{Store, connection::Transaction},
    error::StoreError,
    stored::Reader,
};

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Look at everything.
    Viewer,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
}

impl FromStr for Role {
    type Err = NotRole;

    fn from_str(text: &str) -> Result<Self, NotRole> {
        match text {
            "admin" => Ok(Self::Admin),
            "viewer" => Ok(Self::Viewer),
            _ => Err(NotRole),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `admin` or `viewer`")]
pub struct NotRole;

/// An operator's number in the database: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorId(i64);

impl OperatorId {
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who uses the admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    pub name: String,
    pub role: Role,
    /// `None`: they have none.
    pub password: Option<PasswordMark>,
    /// Switched off, an operator may do nothing.
    pub enabled: bool,
    pub created: Timestamp,
}

impl Operator {
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

/// Tells an operator's password from the one before it, and nothing of either: it is a piece of the SHA-256 of the slow
/// hash, whose salt nobody knows who cannot read the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordMark([u8; PasswordMark::BYTES]);

impl PasswordMark {
    const BYTES: usize = 8;

    fn of(hash: &str) -> Self {
        let mut mark = [0; Self::BYTES];
        mark.copy_from_slice(&digest(&SHA256, hash.as_bytes()).as_ref()[..Self::BYTES]);
        Self(mark)
    }
}

/// What an operator presents, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    pub name: String,
    pub prefix: KeyPrefix,
    pub created: Timestamp,
    /// First moment at which it is of no more use; `None`: never.
    pub expires: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
}

/// An operator and their tokens, sessions left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOperator {
    pub operator: Operator,
    pub tokens: Vec<OperatorToken>,
}

/// What is read of an operator.
macro_rules! select_operators {
    ($rest:literal) => {
        concat!(
            "SELECT operators.id, operators.name, operators.role, operators.enabled, operators.created_at,
                    operators.password_hash
             ",
            $rest
        )
    };
}

mod changes;
mod tokens;

pub use changes::OperatorSettings;
pub use tokens::NewOperatorToken;

impl Store {
    /// Makes an operator.
    pub async fn create_operator(
        &self,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<Operator, CreateOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = self.write_operator(&mut transaction, name, role, now).await?;
        transaction.commit().await?;
        Ok(operator)
    }

    /// As [`Self::create_operator`], with a first token, in one: nobody else of that name can come to have it.
    pub async fn create_operator_with_token(
        &self,
        name: &str,
        role: Role,
        token: &NewOperatorToken,
        now: Timestamp,
    ) -> Result<Operator, CreateOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = self.write_operator(&mut transaction, name, role, now).await?;
        self.write_token(&mut transaction, &operator, token, now).await?;
        transaction.commit().await?;
        Ok(operator)
    }

    async fn write_operator(
        &self,
        transaction: &mut Transaction,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<Operator, CreateOperatorError> {
        if name == Actor::COMMAND_LINE {
            return Err(CreateOperatorError::NameTaken {
                name: name.to_owned(),
            });
        }
        raise_operators_version(transaction).await?;
        let row: OperatorRow = transaction
            .query(
                "INSERT INTO operators (id, name, role, created_at)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3 FROM operators
             RETURNING id, name, role, enabled, created_at, password_hash",
            )
            .bind(name)
            .bind(role.as_str())
            .bind(now.as_second())
            .fetch_one()
            .await
            .map_err(|error| match error.as_database_error() {
                Some(fault) if fault.is_unique_violation() => CreateOperatorError::NameTaken {
                    name: name.to_owned(),
                },
                _ => error.into(),
            })?;
        let operator = row.read()?;
        let change = Change {
            resource: Resource::Operator,
            name,
            action: "create",
            before: None,
            after: Some(state::operator(&operator)),
        };
        self.write_down(transaction, change).await?;
        Ok(operator)
    }

    /// Whether there is any operator.
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        let count: i64 = self
            .pool
            .query("SELECT count(*) FROM operators WHERE removed_at IS NULL")
            .fetch_scalar()
            .await?;
        Ok(count > 0)
    }

    /// All operators with their tokens, the oldest first.
    pub async fn operators(&self) -> Result<Vec<ListedOperator>, StoreError> {
        let operators: Vec<OperatorRow> = self
            .pool
            .query(select_operators!(
                "FROM operators WHERE removed_at IS NULL ORDER BY id"
            ))
            .fetch_all()
            .await?;
        let tokens: Vec<TokenRow> = self
            .pool
            .query(
                "SELECT operator_id, name, prefix, created_at, expires_at, revoked_at FROM operator_tokens
             WHERE kind = 'token' ORDER BY operator_id, created_at, prefix",
            )
            .fetch_all()
            .await?;
        let mut listed = Vec::with_capacity(operators.len());
        for operator in operators {
            let own = tokens.iter().filter(|token| token.operator_id == operator.id);
            listed.push(ListedOperator {
                tokens: own.map(TokenRow::read).collect::<Result<_, _>>()?,
                operator: operator.read()?,
            });
        }
        Ok(listed)
    }

    /// The operator of this name with their tokens.
    pub async fn operator(&self, name: &str) -> Result<ListedOperator, ChangeOperatorError> {
        let mut listed = self.operators().await?.into_iter();
        listed.find(|listed| listed.operator.name == name).ok_or_else(|| {
            ChangeOperatorError::NoSuchOperator {
                name: name.to_owned(),
            }
        })
    }

    /// The operator of this name with the hash of their password, where they have one.
    pub async fn operator_password(&self, name: &str) -> Result<Option<(Operator, String)>, StoreError> {
        let row: Option<OperatorRow> = self
            .pool
            .query(select_operators!(
                "FROM operators
             WHERE name = $1 AND removed_at IS NULL AND enabled = 1 AND password_hash IS NOT NULL"
            ))
            .bind(name)
            .fetch_optional()
            .await?;
        let Some(row) = row else { return Ok(None) };
        let hash = row.password_hash.clone();
        let operator = row.read()?;
        Ok(hash.map(|hash| (operator, hash)))
    }
}

/// Makes those who change operators wait for each other.
async fn raise_operators_version(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    transaction
        .query("UPDATE versions SET value = value + 1 WHERE name = 'operators'")
        .execute()
        .await?;
    Ok(())
}

async fn operator_to_change(
    transaction: &mut Transaction,
    name: &str,
) -> Result<Operator, ChangeOperatorError> {
    raise_operators_version(transaction).await?;
    let row: Option<OperatorRow> = transaction
        .query(select_operators!(
            "FROM operators WHERE name = $1 AND removed_at IS NULL"
        ))
        .bind(name)
        .fetch_optional()
        .await?;
    let row = row.ok_or_else(|| ChangeOperatorError::NoSuchOperator {
        name: name.to_owned(),
    })?;
    Ok(row.read()?)
}

#[derive(FromRow)]
struct OperatorRow {
    id: i64,
    name: String,
    role: String,
    enabled: i64,
    created_at: i64,
    password_hash: Option<String>,
}

impl OperatorRow {
    fn read(self) -> Result<Operator, StoreError> {
        let reader = Reader {
            table: "operators",
            id: self.id,
        };
        Ok(Operator {
            id: OperatorId(self.id),
            role: reader.required("role", &self.role)?,
            password: self.password_hash.as_deref().map(PasswordMark::of),
            enabled: reader.flag("enabled", self.enabled)?,
            created: reader.time("created_at", self.created_at)?,
            name: self.name,
        })
    }
}

#[derive(FromRow)]
struct TokenRow {
    operator_id: i64,
    name: String,
    prefix: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TokenRow {
    fn read(&self) -> Result<OperatorToken, StoreError> {
        let reader = Reader {
            table: "operator_tokens",
            id: self.operator_id,
        };
        Ok(OperatorToken {
            name: self.name.clone(),
            prefix: KeyPrefix::from_stored(self.prefix.clone()),
            created: reader.time("created_at", self.created_at)?,
            expires: reader.maybe_time("expires_at", self.expires_at)?,
            revoked: reader.maybe_time("revoked_at", self.revoked_at)?,
        })
    }
}

/// Why an operator cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateOperatorError {
    #[error("there is an operator named `{name}` already")]
    NameTaken { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operator cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeOperatorError {
    #[error("there is no operator named `{name}`")]
    NoSuchOperator { name: String },
    /// Nobody could make another, but on the machine.
    #[error("`{name}` is the last admin in use, and stays one")]
    LastAdmin { name: String },
    #[error("`{name}` has no token in use that begins with `{prefix}`")]
    NoSuchToken { name: String, prefix: KeyPrefix },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateOperatorError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for ChangeOperatorError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests;
