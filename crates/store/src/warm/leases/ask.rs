//! A request that asks for more of a slice, and waits for what other gates do not use of the money.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time;
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    Period,
    purse::{Purse, Short},
};

use super::{
    Known, Leases, Refused, Slice,
    scarce::{ASK_AGAIN, Waiting},
};
use crate::{error::StoreError, leases::Payer};

/// For how long a request asks in all, for each of its budgets and its credit, before it is told that the database does
/// not answer.
const ASK_ALL_WITHIN: Duration = Duration::from_secs(9);
/// For how long after a failure nobody else tries.
const FAILED_FOR: Duration = Duration::from_secs(1);

impl Leases {
    /// Sees to it that `need` can be held of the purse, which is that of `payer` for this time at `now`. Inside: why it
    /// cannot. Somebody else may be faster in holding it. Waits for what other gates do not use, until a second and a half
    /// after `since` at most, when the request began to ask for anything; and for the database, however slow it is, until
    /// [`ASK_ALL_WITHIN`] after that.
    ///
    /// Cancel safety: what was granted meanwhile may stay unused until the next time.
    pub(in crate::warm) async fn ask(
        &self,
        payer: Payer,
        per: Period,
        purse: Purse,
        need: Money,
        now: Timestamp,
        since: Instant,
    ) -> Result<Result<(), Short>, StoreError> {
        let slice = self.slice(payer, per, purse, now);
        let _waiting = Waiting::at(&slice);
        let asking = self.ask_patiently(&slice, need, since);
        time::timeout_at((since + ASK_ALL_WITHIN).into(), asking)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    async fn ask_patiently(
        &self,
        slice: &Slice,
        need: Money,
        since: Instant,
    ) -> Result<Result<(), Short>, StoreError> {
        let patient_until = since + slice.known().patience();
        let mut came = Instant::now();
        loop {
            let Some(refused) = self.ask_in_turn(slice, need, came, patient_until).await? else {
                return Ok(Ok(()));
            };
            if !refused.is_elsewhere || Instant::now() + ASK_AGAIN > patient_until {
                return Ok(Err(refused.short));
            }
            time::sleep(ASK_AGAIN).await;
            came = Instant::now();
        }
    }

    /// Asks once, unless somebody has since `came`. `Some`: it was refused. Where those before it take until
    /// `patient_until`, the last one's refusal counts.
    async fn ask_in_turn(
        &self,
        slice: &Slice,
        need: Money,
        came: Instant,
        patient_until: Instant,
    ) -> Result<Option<Refused>, StoreError> {
        let turn = match time::timeout_at(patient_until.into(), slice.turn.acquire()).await {
            Ok(turn) => turn,
            Err(_) => {
                let refused = slice.known().refused;
                if let Some(refused) = refused.filter(|last| last.is_elsewhere && last.need <= need) {
                    return Ok(Some(refused));
                }
                slice.turn.acquire().await
            }
        };
        // It is closed by nobody.
        let turn = turn.map_err(|_| StoreError::Overloaded)?;
        let asked = Instant::now();
        if slice.free() >= need {
            return Ok(None);
        }
        match &*slice.known() {
            Known {
                refused: Some(refused),
                ..
            } if refused.asked >= came && refused.need <= need => return Ok(Some(*refused)),
            Known {
                failed: Some((when, error)),
                ..
            } if *when >= came || when.elapsed() < FAILED_FOR => return Err(error.clone()),
            _ => {}
        }
        let mut no = self.grow(slice, &turn, need).await?;
        if no.is_some() && slice.free() > Money::ZERO {
            // What is of no use to this gate may be what another one lacks.
            slice.empty(&turn);
            no = self.grow(slice, &turn, need).await?;
        }
        let refused = no.map(|(short, is_elsewhere)| Refused {
            asked,
            need,
            short,
            is_elsewhere,
        });
        let mut known = slice.known();
        known.refused = refused;
        if refused.is_some_and(|refused| refused.is_elsewhere) {
            known.hear_scarce();
        }
        Ok(refused)
    }
}
