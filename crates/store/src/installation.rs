//! Which database it is, for what belongs to its keys and is kept elsewhere.

use crate::{database::Store, error::StoreError, spool::Owner, url::DatabaseUrl};

impl Store {
    /// What the spools of this database's gates call it.
    ///
    /// `before` is what the spool of this gate says now. A database of the same URL that knows the gate and has no name was
    /// restored from a copy that is older than its name, and takes it from there; so it is given again what came after the
    /// copy. One of another URL may be another database, that only has had a gate of this name: its operator has to say
    /// that it is the same.
    pub async fn owner(
        &self,
        url: &DatabaseUrl,
        before: Option<&Owner>,
        knows_gate: bool,
        random: [u8; 8],
    ) -> Result<Owner, StoreError> {
        let url = url.to_string();
        let before = before.filter(|before| knows_gate && before.url == url);
        let before = before.and_then(|before| u64::from_str_radix(&before.name, 16).ok());
        Ok(Owner {
            name: self.installation(before.map_or(random, u64::to_be_bytes)).await?,
            url,
        })
    }

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

    use crate::{spool::Owner, test_database::store};

    #[tokio::test]
    async fn a_database_keeps_the_name_that_it_got_first() {
        let (_database, store) = store().await;

        let first = store.installation([0xab; 8]).await.unwrap();
        let again = store.installation([1; 8]).await.unwrap();

        assert_eq!((&*first, &*again), ("abababababababab", "abababababababab"));
    }

    #[tokio::test]
    async fn a_database_without_a_name_takes_that_of_the_spool_only_where_it_knows_the_gate_and_is_called_the_same()
     {
        for (is_there, knows_gate, expected) in [
            (true, true, "cdcdcdcdcdcdcdcd"),
            (true, false, "abababababababab"),
            (false, true, "abababababababab"),
        ] {
            let (database, store) = store().await;
            let url = match is_there {
                true => database.url.to_string(),
                false => "sqlite://another.db".to_owned(),
            };
            let before = Owner {
                name: "cd".repeat(8),
                url,
            };

            let owner = store
                .owner(&database.url, Some(&before), knows_gate, [0xab; 8])
                .await
                .unwrap();

            assert_eq!(owner.name, expected, "{is_there} {knows_gate}");
            assert_eq!(owner.url, database.url.to_string());
        }
    }
}
