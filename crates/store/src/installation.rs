//! Which database it is, for what belongs to its keys and is kept elsewhere.

use crate::{database::Store, error::StoreError};

impl Store {
    /// The name of this database: 16 hexadecimal digits, drawn when it is first asked for, and the same for all gates.
    pub async fn installation(&self, random: [u8; 8]) -> Result<String, StoreError> {
        self.pool
            .query("INSERT INTO versions (name, value) VALUES ('installation', $1) ON CONFLICT (name) DO NOTHING")
            .bind(i64::from_be_bytes(random))
            .execute()
            .await?;
        let number: i64 = self
            .pool
            .query("SELECT value FROM versions WHERE name = 'installation'")
            .fetch_scalar()
            .await?;
        Ok(format!("{number:016x}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::test_database::store;

    #[tokio::test]
    async fn a_database_keeps_the_name_that_it_got_first() {
        let (_database, store) = store().await;

        let first = store.installation([0xab; 8]).await.unwrap();
        let again = store.installation([1; 8]).await.unwrap();

        assert_eq!((&*first, &*again), ("abababababababab", "abababababababab"));
    }
}
