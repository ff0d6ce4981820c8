//! Passwords of operators: Argon2id, on threads for slow work, and few at once.
//!
//! A comparison takes some 20 MB and tens of milliseconds on purpose, so it must not be what somebody without a password
//! can make the gate do all the time; see also [`crate::attempts`].

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task, time,
};

use crate::{attempts::Attempt, error::AdminError};

/// Comparisons at once.
const AT_ONCE: usize = 2;
/// How long a comparison waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Fewer characters could be guessed by trying.
const LEAST_CHARS: usize = 12;
/// More is no password.
const MOST_BYTES: usize = 1024;

/// Compares passwords.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// Why a text cannot be a password, or has no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPassword {
    #[error("a password has at least {LEAST_CHARS} characters and at most {MOST_BYTES} bytes")]
    Length,
    #[error("the password cannot be hashed on this machine")]
    Hash,
}

/// The hash of a new password, as a PHC string. Blocks for some time.
pub fn hash(password: &str) -> Result<String, NotPassword> {
    if password.chars().count() < LEAST_CHARS || password.len() > MOST_BYTES {
        return Err(NotPassword::Length);
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| NotPassword::Hash)
}

impl Passwords {
    /// The hash of a new password, on a thread for slow work.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AdminError> {
        let place = self.place().await?;
        let hashing = task::spawn_blocking(move || {
            let _place = place;
            hash(&password)
        });
        // It neither panics nor is it cancelled.
        let hash = hashing.await.unwrap_or(Err(NotPassword::Hash));
        hash.map_err(|error| AdminError::value("password", error))
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, AdminError> {
        let places = Arc::clone(&self.places);
        time::timeout(PATIENCE, places.acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(AdminError::SignInBusy)
    }

    /// Whether the password is the one with this hash. Where there is none, it takes as long and is not, so that the
    /// time does not tell who has one.
    ///
    /// The attempt fails with the comparison, whether or not somebody still waits for it: whoever hangs up has made it too.
    pub(crate) async fn fit(
        &self,
        password: String,
        hash: Option<String>,
        attempt: Attempt,
    ) -> Result<bool, AdminError> {
        if password.len() > MOST_BYTES {
            attempt.failed();
            return Ok(false);
        }
        let place = self.place().await?;
        let comparing = task::spawn_blocking(move || {
            let _place = place;
            let fits = match &hash {
                Some(hash) => PasswordHash::new(hash).is_ok_and(|hash| {
                    Argon2::default()
                        .verify_password(password.as_bytes(), &hash)
                        .is_ok()
                }),
                None => {
                    let _ = Argon2::default().hash_password(password.as_bytes());
                    false
                }
            };
            match fits {
                true => drop(attempt),
                false => attempt.failed(),
            }
            fits
        });
        // It neither panics nor is it cancelled.
        Ok(comparing.await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::attempts::Attempts;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::default();
        let first = hash("correct horse battery").unwrap();
        let second = hash("correct horse battery").unwrap();

        let attempts = Attempts::default();
        let fits = async |password: &str, hash: Option<&str>| {
            let attempt = attempts.begin("anna", [192, 0, 2, 1].into()).unwrap();
            passwords
                .fit(password.to_owned(), hash.map(str::to_owned), attempt)
                .await
                .unwrap()
        };
        assert!(first.starts_with("$argon2id$"), "{first}");
        assert_ne!(first, second, "each has a salt of its own");
        assert!(fits("correct horse battery", Some(&first)).await);
        assert!(!fits("correct horse batterx", Some(&first)).await);
        assert!(!fits("correct horse battery", None).await);
        assert!(!fits("correct horse battery", Some("no hash")).await);
    }

    #[test]
    fn what_could_be_guessed_is_no_password() {
        assert_eq!(hash("short").unwrap_err(), NotPassword::Length);
        assert_eq!(hash(&"x".repeat(2_000)).unwrap_err(), NotPassword::Length);
    }

    #[tokio::test]
    async fn a_wrong_password_counts_though_nobody_waits_for_its_comparison() {
        let (passwords, attempts) = (Passwords::default(), Attempts::default());
        let begin = || attempts.begin("anna", [192, 0, 2, 1].into());
        for _ in 0..10 {
            let attempt = begin().unwrap();
            let comparing = passwords.fit("wrong".to_owned(), None, attempt);
            // Time for it to begin, and not to end.
            let _ = time::timeout(Duration::from_millis(1), comparing).await;
            // Whoever is given all places comes after it.
            drop(passwords.places.acquire_many(2).await.unwrap());
        }

        let failed =
            |begun: Result<Attempt, AdminError>| matches!(begun, Err(AdminError::TooManyAttempts { .. }));
        assert!(failed(begin()));
    }
}
