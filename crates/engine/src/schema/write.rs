//! Writes the rules of a value that fits some fragments.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::alternatives::Alternative;
use super::disjoint::Pair;
use super::fragment::{Fragment, Trouble, trouble_at};
use super::kinds::Kinds;
use super::rules::{Part, Rules};
use super::text::Matchers;
use super::{TOO_MUCH_WORK, literal, number, text};
use crate::effort::Effort;

/// How deep values may stand within each other, and how many rules there may be.
const DEPTH: usize = 48;
const RULES: usize = 20_000;

/// Most letters of a text and items of an array, where nothing is said, by how many arrays it stands in.
const LETTERS: [u64; 3] = [160, 60, 30];
const ITEMS: [u64; 3] = [8, 4, 2];

/// How much may still come where the schema sets no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Room {
    /// How often a value may yet stand within one of its own kind.
    left: u8,
    /// How deep values may yet go that nothing is said of.
    loose: u8,
    /// How many arrays and values of its own kind it stands in.
    crowd: u8,
}

impl Room {
    pub(super) fn new(left: u8) -> Self {
        Self {
            left,
            loose: 2,
            crowd: 0,
        }
    }

    pub(super) fn letters(self) -> u64 {
        LETTERS[usize::from(self.crowd).min(2)]
    }

    pub(super) fn items(self) -> u64 {
        ITEMS[usize::from(self.crowd).min(2)]
    }

    pub(super) fn in_array(self) -> Self {
        Self {
            crowd: (self.crowd + 1).min(2),
            ..self
        }
    }

    pub(super) fn in_object(self) -> Self {
        self
    }

    pub(super) fn in_open_object(self) -> Self {
        self.in_array()
    }
}

pub(super) struct Writer<'a> {
    pub(super) root: &'a Value,
    /// Addresses of schemas that lead to themselves.
    pub(super) recursive: &'a HashSet<usize>,
    pub(super) rules: Rules,
    /// What all of this may cost.
    pub(super) effort: &'a Effort<'a>,
    pub(super) matchers: Matchers,
    /// Which pairs of schemas have no value in common.
    pub(super) disjoint: RefCell<HashMap<Pair, bool>>,
    /// Unions whose branches are being told from each other, by these and the kinds of value.
    pub(super) unions: RefCell<Vec<(Vec<usize>, Kinds)>>,
    known: HashMap<(Vec<usize>, Room), Result<usize, Trouble>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(root: &'a Value, recursive: &'a HashSet<usize>, effort: &'a Effort<'a>) -> Self {
        Self {
            root,
            recursive,
            rules: Rules::default(),
            effort,
            matchers: Matchers::default(),
            disjoint: RefCell::default(),
            unions: RefCell::default(),
            known: HashMap::new(),
        }
    }

    /// Takes steps for what is looked at here. Fails where there are none left.
    pub(super) fn pay(&self, steps: usize, place: &str) -> Result<(), Trouble> {
        match self.effort.spend(steps as u64) {
            true => Ok(()),
            false => Err(trouble_at(place, TOO_MUCH_WORK)),
        }
    }

    /// The rule of a value that fits all of these; of any value where there are none.
    pub(super) fn value(
        &mut self,
        fragments: Vec<Fragment<'a>>,
        room: Room,
        depth: usize,
    ) -> Result<usize, Trouble> {
        let place = fragments.first().map(|fragment| fragment.place.clone());
        let place = place.as_deref().unwrap_or("");
        self.pay(1 + fragments.len(), place)?;
        let key = (self.addresses(&fragments), room);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if depth > DEPTH || self.rules.len() > RULES {
            let what = if depth > DEPTH {
                "is too deep"
            } else {
                "is too much"
            };
            return Err(trouble_at(place, format!("{what} to be followed")));
        }
        let written = self.alternatives(&fragments, room.left > 0).and_then(|found| {
            let mut options = Vec::new();
            let mut blame = None;
            for alternative in &found {
                match self.alternative(alternative, room, depth) {
                    Ok(more) => options.extend(more),
                    Err(Trouble::Empty(problem)) => {
                        blame.get_or_insert(problem);
                    }
                    Err(refused) => return Err(refused),
                }
            }
            match blame {
                Some(problem) if options.is_empty() => Err(Trouble::Empty(problem)),
                _ => Ok(self.rules.add(options)),
            }
        });
        if !matches!(written, Err(Trouble::Refused(_))) {
            // What was told after the last step is no answer.
            self.pay(0, place)?;
        }
        self.known.insert(key, written.clone());
        written
    }

    fn alternative(
        &mut self,
        alternative: &Alternative<'a>,
        room: Room,
        depth: usize,
    ) -> Result<Vec<Vec<Part>>, Trouble> {
        let parts = &alternative.parts;
        if let Some(named) = literal::candidates(parts)? {
            return Ok(vec![vec![literal::part(self, &named, parts)?]]);
        }
        self.pay(4 * parts.len(), parts.first().map_or("", |part| &part.place))?;
        let mut room = room;
        if alternative.is_deeper {
            room.left -= 1;
            room.crowd = (room.crowd + 1).min(2);
        }
        let kinds = match Kinds::meant(parts)? {
            Some(kinds) => kinds,
            None if room.loose == 0 => Kinds::SCALAR,
            None => {
                room.loose -= 1;
                Kinds::ALL
            }
        };
        let mut options = Vec::new();
        let mut blame = None;
        for kind in [
            Kinds::NULL,
            Kinds::BOOLEAN,
            Kinds::NUMBER,
            Kinds::TEXT,
            Kinds::LIST,
            Kinds::OBJECT,
        ] {
            if !kinds.has(kind) {
                continue;
            }
            let part = match kind {
                Kinds::NULL => Ok(Part::literal("null")),
                Kinds::BOOLEAN => Ok(literal::one_of(&["true".to_owned(), "false".to_owned()])),
                Kinds::NUMBER => number::part(self.effort, parts, kinds),
                Kinds::TEXT => text::part(self.effort, parts, room),
                Kinds::LIST => self.array(parts, room, depth).map(Part::Rule),
                _ => self.object(parts, room, depth).map(Part::Rule),
            };
            match part {
                Ok(part) => options.push(vec![part]),
                Err(Trouble::Empty(problem)) => {
                    blame.get_or_insert(problem);
                }
                Err(refused) => return Err(refused),
            }
        }
        match blame {
            Some(problem) if options.is_empty() => Err(Trouble::Empty(problem)),
            _ => Ok(options),
        }
    }
}
