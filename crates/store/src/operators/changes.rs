//! What is changed of operators who are there: role, whether they are switched on, password, and that they go.
//!
//! Who may be changed by whom is decided elsewhere, but for one thing: where an operator asks, the last admin stays one.
//! On the command line another can always be made.

use jiff::Timestamp;

use super::{ChangeOperatorError, Operator, PasswordMark, Role, operator_to_change, tokens};
use crate::{
    audit::{Change, Resource, state},
    database::{Store, connection::Transaction},
};

/// What is set of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorSettings {
    pub role: Role,
    pub enabled: bool,
}

impl From<&Operator> for OperatorSettings {
    fn from(operator: &Operator) -> Self {
        Self {
            role: operator.role,
            enabled: operator.enabled,
        }
    }
}

impl Operator {
    /// Whether they may change things.
    pub(super) fn is_admin_in_use(&self) -> bool {
        self.enabled && self.role == Role::Admin
    }
}

impl Store {
    /// Changes what is set of an operator, and their password where the hash of another is given; nothing changes where
    /// `change` fails, nor where no admin would be left. Sessions end with the password, and where they are switched off.
    pub async fn update_operator<E: From<ChangeOperatorError>>(
        &self,
        name: &str,
        password_hash: Option<&str>,
        now: Timestamp,
        change: impl FnOnce(&Operator, &mut OperatorSettings) -> Result<(), E>,
    ) -> Result<Operator, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeOperatorError::from)?;
        let before = operator_to_change(&mut transaction, name).await?;
        let mut settings = OperatorSettings::from(&before);
        change(&before, &mut settings)?;
        let writing = async {
            let mut after = before.clone();
            if settings != OperatorSettings::from(&before) {
                (after.role, after.enabled) = (settings.role, settings.enabled);
                if before.is_admin_in_use() && !after.is_admin_in_use() {
                    another_admin(&mut transaction, &before, now).await?;
                }
                transaction
                    .query("UPDATE operators SET role = $2, enabled = $3 WHERE id = $1")
                    .bind(before.id.get())
                    .bind(after.role.as_str())
                    .bind(i64::from(after.enabled))
                    .execute()
                    .await?;
                self.operator_changed(&mut transaction, "update", &before, Some(&after))
                    .await?;
            }
            if let Some(hash) = password_hash {
                after = self.write_password(&mut transaction, &after, hash, now).await?;
            }
            if !after.enabled {
                tokens::end_sessions(&mut transaction, before.id, now).await?;
            }
            transaction.commit().await?;
            Ok::<_, ChangeOperatorError>(after)
        };
        Ok(writing.await?)
    }

    /// Gives an operator another password, as its hash; sessions of theirs end.
    pub async fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let before = operator_to_change(&mut transaction, name).await?;
        let after = self
            .write_password(&mut transaction, &before, password_hash, now)
            .await?;
        transaction.commit().await?;
        Ok(after)
    }

    async fn write_password(
        &self,
        transaction: &mut Transaction,
        before: &Operator,
        hash: &str,
        now: Timestamp,
    ) -> Result<Operator, ChangeOperatorError> {
        transaction
            .query("UPDATE operators SET password_hash = $2 WHERE id = $1")
            .bind(before.id.get())
            .bind(hash)
            .execute()
            .await?;
        tokens::end_sessions(transaction, before.id, now).await?;
        let after = Operator {
            password: Some(PasswordMark::of(hash)),
            ..before.clone()
        };
        self.operator_changed(transaction, "set_password", before, Some(&after))
            .await?;
        Ok(after)
    }

    /// Ends the use of all that an operator presents; the name is free again.
    pub async fn remove_operator(&self, name: &str, now: Timestamp) -> Result<Operator, ChangeOperatorError> {
        let mut transaction = self.pool.begin().await?;
        let operator = operator_to_change(&mut transaction, name).await?;
        self.write_removal(&mut transaction, &operator, now).await?;
        transaction.commit().await?;
        Ok(operator)
    }

    /// As [`Self::remove_operator`], unless `may` fails or no admin would be left.
    pub async fn remove_operator_if<E: From<ChangeOperatorError>>(
        &self,
        name: &str,
        now: Timestamp,
        may: impl FnOnce(&Operator) -> Result<(), E>,
    ) -> Result<Operator, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeOperatorError::from)?;
        let operator = operator_to_change(&mut transaction, name).await?;
        may(&operator)?;
        let writing = async {
            if operator.is_admin_in_use() {
                another_admin(&mut transaction, &operator, now).await?;
            }
            self.write_removal(&mut transaction, &operator, now).await?;
            transaction.commit().await?;
            Ok::<_, ChangeOperatorError>(())
        };
        writing.await?;
        Ok(operator)
    }

    async fn write_removal(
        &self,
        transaction: &mut Transaction,
        operator: &Operator,
        now: Timestamp,
    ) -> Result<(), ChangeOperatorError> {
        transaction
            .query("UPDATE operators SET removed_at = $2, password_hash = NULL WHERE id = $1")
            .bind(operator.id.get())
            .bind(now.as_second())
            .execute()
            .await?;
        self.operator_changed(transaction, "remove", operator, None)
            .await?;
        Ok(())
    }

    async fn operator_changed(
        &self,
        transaction: &mut Transaction,
        action: &'static str,
        before: &Operator,
        after: Option<&Operator>,
    ) -> Result<(), sqlx::Error> {
        let change = Change {
            resource: Resource::Operator,
            name: &before.name,
            action,
            before: Some(state::operator(before)),
            after: after.map(state::operator),
        };
        self.write_down(transaction, change).await
    }
}

/// Fails where there is no admin in use but this one. Who has neither a password nor a token is none, though they be
/// switched on: they cannot come in. Neither is who has a session alone, for that ends.
async fn another_admin(
    transaction: &mut Transaction,
    operator: &Operator,
    now: Timestamp,
) -> Result<(), ChangeOperatorError> {
    let in_use = admins_who_come_in(transaction, now).await?;
    match in_use.iter().any(|id| *id != operator.id.get()) {
        true => Ok(()),
        false => Err(ChangeOperatorError::LastAdmin {
            name: operator.name.clone(),
        }),
    }
}

/// Fails where no admin is in use any more, since this one has lost the last thing to come in with.
pub(super) async fn some_admin(
    transaction: &mut Transaction,
    operator: &Operator,
    now: Timestamp,
) -> Result<(), ChangeOperatorError> {
    match admins_who_come_in(transaction, now).await?.is_empty() {
        false => Ok(()),
        true => Err(ChangeOperatorError::LastAdmin {
            name: operator.name.clone(),
        }),
    }
}

/// The numbers of those who are in use and have a password or a token.
async fn admins_who_come_in(transaction: &mut Transaction, now: Timestamp) -> Result<Vec<i64>, sqlx::Error> {
    let rows: Vec<(i64,)> = transaction
        .query(
            "SELECT id FROM operators
             WHERE removed_at IS NULL AND enabled = 1 AND role = 'admin'
               AND (password_hash IS NOT NULL OR id IN (
                   SELECT operator_id FROM operator_tokens
                   WHERE kind = 'token' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
               ))",
        )
        .bind(now.as_second())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
