//! What operators present: tokens that they keep, and those of a session.

use jiff::Timestamp;
use serde_json::json;
use tollgate_ledger::{KeyHash, KeyPrefix};

use super::{
    ChangeOperatorError, Operator, OperatorId, OperatorRow, changes::some_admin, operator_to_change,
    raise_operators_version,
};
use crate::{
    audit::{Change, Resource},
    database::{Store, connection::Transaction},
    error::StoreError,
};

/// Sessions of one operator at once; the oldest ends for another.
pub(super) const SESSIONS_MAX: i64 = 20;

/// A text that an operator may present, as it is kept.
#[derive(Debug, Clone)]
pub struct NewOperatorToken {
    /// What for; for whoever reads the list.
    pub name: String,
    pub hash: KeyHash,
    pub prefix: KeyPrefix,
    pub expires: Option<Timestamp>,
}

impl Store {
    /// The operator who may present this at `now`.
    pub async fn operator_with(
        &self,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<Option<Operator>, StoreError> {
        let row: Option<OperatorRow> = self
            .pool
            .query(select_operators!(
                "FROM operator_tokens AS tokens JOIN operators ON operators.id = tokens.operator_id
             WHERE tokens.hash = $1 AND tokens.revoked_at IS NULL AND operators.removed_at IS NULL
               AND operators.enabled = 1
               AND (tokens.expires_at IS NULL OR tokens.expires_at > $2)"
            ))
            .bind(hash.as_bytes().as_slice())
            .bind(now.as_second())
            .fetch_optional()
            .await?;
        row.map(OperatorRow::read).transpose()
    }

    /// Gives an operator a token.
    pub async fn add_operator_token(
        &self,
        name: &str,
        token: &NewOperatorToken,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = operator_to_change(&mut transaction, name).await?;
        self.write_token(&mut transaction, &operator, token, now).await?;
        transaction.commit().await?;
        Ok(operator)
    }

    pub(super) async fn write_token(
        &self,
        transaction: &mut Transaction,
        operator: &Operator,
        token: &NewOperatorToken,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        insert(transaction, operator, "token", token, now).await?;
        let change = Change {
            resource: Resource::Operator,
            name: &operator.name,
            action: "create_token",
            before: None,
            after: Some(json!({
                "token": token.name,
                "prefix": token.prefix.as_str(),
                "expires": token.expires.map(|end| end.to_string()),
            })),
        };
        self.write_down(transaction, change).await
    }

    /// Begins a session of whoever has presented the password with this hash, and tells who they are by now. `None`: since
    /// the hash was read it is another's, or they were switched off or removed, whoever may have their name now.
    ///
    /// A session is no change, so it is not written down; sessions that have ended are forgotten with it.
    pub async fn begin_session(
        &self,
        operator: OperatorId,
        password_hash: &str,
        token: &NewOperatorToken,
        now: Timestamp,
    ) -> Result<Option<Operator>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // Whoever changes or removes the operator has done so, which is seen, or waits, and then ends this session as well.
        raise_operators_version(&mut transaction).await?;
        let row: Option<OperatorRow> = transaction
            .query(select_operators!(
                "FROM operators
             WHERE id = $1 AND password_hash = $2 AND enabled = 1 AND removed_at IS NULL"
            ))
            .bind(operator.get())
            .bind(password_hash)
            .fetch_optional()
            .await?;
        let Some(row) = row else { return Ok(None) };
        let operator = row.read()?;
        transaction
            .query(
                "DELETE FROM operator_tokens WHERE kind = 'session' AND (
                     expires_at <= $1 OR revoked_at IS NOT NULL OR hash IN (
                         SELECT hash FROM operator_tokens WHERE kind = 'session' AND operator_id = $2
                         ORDER BY created_at DESC, hash LIMIT $3 OFFSET $4
                     )
                 )",
            )
            .bind(now.as_second())
            .bind(operator.id.get())
            .bind(i64::from(i32::MAX))
            .bind(SESSIONS_MAX - 1)
            .execute()
            .await?;
        insert(&mut transaction, &operator, "session", token, now).await?;
        transaction.commit().await?;
        Ok(Some(operator))
    }

    /// Ends the use of an operator's tokens that begin like this.
    pub async fn revoke_operator_token(
        &self,
        name: &str,
        prefix: &KeyPrefix,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = self.write_revocation(&mut transaction, name, prefix, now).await?;
        transaction.commit().await?;
        Ok(operator)
    }

    /// As [`Self::revoke_operator_token`], unless no admin would be left who can come in.
    pub async fn revoke_operator_token_unless_last(
        &self,
        name: &str,
        prefix: &KeyPrefix,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = self.write_revocation(&mut transaction, name, prefix, now).await?;
        if operator.is_admin_in_use() {
            some_admin(&mut transaction, &operator, now).await?;
        }
        transaction.commit().await?;
        Ok(operator)
    }

    async fn write_revocation(
        &self,
        transaction: &mut Transaction,
        name: &str,
        prefix: &KeyPrefix,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        let operator = operator_to_change(transaction, name).await?;
        let revoked = transaction
            .query(
                "UPDATE operator_tokens SET revoked_at = $3
             WHERE operator_id = $1 AND prefix = $2 AND kind = 'token' AND revoked_at IS NULL",
            )
            .bind(operator.id.get())
            .bind(prefix.as_str())
            .bind(now.as_second())
            .execute()
            .await?;
        if revoked == 0 {
            return Err(ChangeOperatorError::NoSuchToken {
                name: name.to_owned(),
                prefix: prefix.clone(),
            });
        }
        let change = Change {
            resource: Resource::Operator,
            name,
            action: "revoke_token",
            before: Some(json!({ "prefix": prefix.as_str() })),
            after: None,
        };
        self.write_down(transaction, change).await?;
        Ok(operator)
    }

    /// Ends the session that this is of; nothing happens where it is of none.
    pub async fn end_session(&self, hash: &KeyHash) -> Result<(), StoreError> {
        self.pool
            .query("DELETE FROM operator_tokens WHERE hash = $1 AND kind = 'session'")
            .bind(hash.as_bytes().as_slice())
            .execute()
            .await?;
        Ok(())
    }
}

async fn insert(
    transaction: &mut Transaction,
    operator: &Operator,
    kind: &'static str,
    token: &NewOperatorToken,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    transaction
        .query(
            "INSERT INTO operator_tokens (hash, operator_id, kind, name, prefix, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.hash.as_bytes().as_slice())
        .bind(operator.id.get())
        .bind(kind)
        .bind(&token.name)
        .bind(token.prefix.as_str())
        .bind(now.as_second())
        .bind(token.expires.map(Timestamp::as_second))
        .execute()
        .await?;
    Ok(())
}

/// Ends all sessions of an operator.
pub(super) async fn end_sessions(
    transaction: &mut Transaction,
    operator: OperatorId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    transaction
        .query(
            "UPDATE operator_tokens SET revoked_at = $2
         WHERE operator_id = $1 AND kind = 'session' AND revoked_at IS NULL",
        )
        .bind(operator.get())
        .bind(now.as_second())
        .execute()
        .await?;
    Ok(())
}
