//! The line of a rate that gates share: up to where it is taken, and what it grants of the minute after `now`.
//!
//! It is reckoned at one limit. When another is set, gates hear of it one after the other; the line goes over to it once,
//! with the first request that asks by the new limit, and what was taken stays as many. For a while it stays there,
//! whatever gates say that have not heard yet: with each of them it would go back and forth, and a lower limit, which
//! makes nobody wait for longer than a minute, would let through as much again each time. What these tell counts as many
//! as it was for them, and they get what their request needs and nothing ahead. A gate that only tells what an earlier
//! request used changes nothing, since it may have heard of the limit long ago.
//! Not here: what a gate does with what it is granted ([`super::shared`]).

use super::MINUTE;

pub(super) const MICRO: u64 = 1_000;

/// What a gate tells the line, and asks of it; in microseconds, which scripts can count exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// By the line's clock.
    pub now: u64,
    /// How many a minute there are, as the gate knows; 0: it was not told yet.
    pub limit: u32,
    /// Up to where the line was taken when this gate last heard of it: that is where it goes on if it was lost.
    pub line: u64,
    /// What was used beyond what was granted.
    pub debt: u64,
    /// What was granted and is given back before its time.
    pub back: u64,
    /// So much at least is granted, or nothing.
    pub least: u64,
    pub most: u64,
}

/// What the line grants, in microseconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub from: u64,
    /// The length of the stretch; 0: there is not as much.
    pub given: u64,
    /// Up to where the line is taken now, by the limit that the gate told.
    pub line: u64,
}

/// The line itself. The script that keeps one for several gates does the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// Up to where it is taken; `None`: that is not known.
    taken_to: Option<u64>,
    /// The limit that it is reckoned at, 0 where that is not known, and since when.
    limit: (u32, u64),
}

impl Line {
    /// How far ahead it may be taken: a minute, and what is rounded up where single ones are asked for.
    pub const FURTHEST: u64 = MINUTE / MICRO + 8;
    /// For how long it stays at a limit: longer than it takes all gates to hear that it was changed.
    pub const SETTLES: u64 = 2_000_000;

    pub fn exchange(&mut self, asked: &Asked) -> Granted {
        let (mut of, mut since) = self.taken_to.map_or((0, 0), |_| self.limit);
        if of == 0 {
            of = asked.limit;
        }
        let limit = if asked.limit == 0 { of } else { asked.limit };
        let mut line = self.taken_to.unwrap_or(asked.line);
        let (mut debt, mut back, mut most) = (asked.debt, asked.back, asked.most);
        if limit != of && asked.least > 0 && asked.now >= since + Self::SETTLES {
            let ahead = line.saturating_sub(asked.now);
            let rescaled = at_limit(ahead, of, limit).saturating_sub(back);
            line = asked.now + rescaled.min(ahead.max(Self::FURTHEST));
            (of, since, back) = (limit, asked.now, 0);
        } else if limit != of {
            debt = at_limit(debt, limit, of).min(debt.max(Self::FURTHEST));
            back = at_limit(back, limit, of);
            most = asked.least;
        }
        line = line.saturating_sub(back);
        if debt > 0 {
            line = line.max(asked.now) + debt;
        }
        let from = line.max(asked.now);
        let given = most.min((asked.now + Self::FURTHEST).saturating_sub(from));
        let given = if given < asked.least { 0 } else { given };
        if given > 0 {
            line = from + given;
        }
        (self.taken_to, self.limit) = (Some(line), (of, since));
        if limit != of {
            line = asked.now + at_limit(line.saturating_sub(asked.now), of, limit);
        }
        Granted { from, given, line }
    }
}

/// As many of one limit, as time of another. Reckoned as scripts can, which know no other numbers.
fn at_limit(time: u64, from: u32, to: u32) -> u64 {
    (time as f64 * f64::from(from) / f64::from(to)).floor() as u64
}
