//! Arrays: items in order, and how many.

use serde_json::Value;

use super::fragment::{Fragment, Keywords, Trouble, tightest};
use super::rules::Part;
use super::write::{Room, Writer};

/// Items beyond which a limit is none, and no answer has as many.
const MANY: u64 = 10_000;

impl<'a> Writer<'a> {
    /// The rule of arrays that fit all of these keywords.
    pub(super) fn array(
        &mut self,
        parts: &[Keywords<'a>],
        room: Room,
        depth: usize,
    ) -> Result<usize, Trouble> {
        let least = tightest(parts, "minItems", |a, b| a > b)?;
        let most = tightest(parts, "maxItems", |a, b| a < b)?;
        if let Some((least, part)) = least {
            if most.is_some_and(|(most, _)| most < least) {
                return Err(part.empty("minItems", "contradicts `maxItems`"));
            }
            if least > MANY {
                return Err(part.refused("minItems", format!("is above {MANY}, which no answer can have")));
            }
        }
        let least_part = least.map(|(_, part)| part);
        let least = least.map_or(0, |(least, _)| least);
        let place = parts.first().map_or("", |part| &part.place);
        let (named, longest) = parts.iter().fold((0, 0), |(sum, longest), part| {
            let lists = ["items", "prefixItems"].map(|name| part.get(name).and_then(Value::as_array));
            let count = lists.into_iter().flatten().map(Vec::len).sum();
            (sum + count, longest.max(count))
        });
        self.pay(named + longest * parts.len(), place)?;
        let (first, rest) = items(parts)?;
        let is_said = parts.iter().any(|part| part.get("items").is_some());
        let most = most.map(|(most, _)| most).filter(|most| *most <= MANY);
        let most = most.unwrap_or_else(|| match first.is_empty() || is_said {
            true => least.max(first.len() as u64) + room.items(),
            // Nobody says what would come after these.
            false => least.max(first.len() as u64),
        });
        let within = room.in_array();

        let mut before = Vec::new();
        let mut blame = None;
        for item in &first {
            if before.len() as u64 >= most {
                break;
            }
            match self.value(item.clone(), within, depth + 1) {
                Ok(rule) => before.push(rule),
                Err(Trouble::Empty(problem)) => {
                    blame = Some(problem);
                    break;
                }
                Err(refused) => return Err(refused),
            }
        }
        let count = before.len() as u64;
        let mut after = None;
        if blame.is_none() && most > count {
            match self.value(rest, within, depth + 1) {
                Ok(rule) => after = Some(rule),
                Err(Trouble::Empty(problem)) => blame = Some(problem),
                Err(refused) => return Err(refused),
            }
        }
        if after.is_none() && least > count {
            let contradiction =
                |part: &Keywords<'a>| part.problem("minItems", "asks for more items than may come");
            let problem = blame.or_else(|| least_part.map(contradiction));
            return Err(Trouble::Empty(problem.unwrap_or_else(|| {
                parts[0].problem("minItems", "asks for more items than may come")
            })));
        }
        Ok(self.array_of(&before, after, least, most))
    }

    /// The rule of an array of these items, then of others.
    fn array_of(&mut self, before: &[usize], after: Option<usize>, least: u64, most: u64) -> usize {
        let count = before.len() as u64;
        let end = Part::literal("]");
        let comma = Part::literal(", ");
        let mut options = Vec::new();
        if let Some(item) = after {
            // What follows the last of the named ones; without those, what follows the first item.
            let done = count.max(1);
            let mut more = Vec::new();
            if most > done {
                let another = self.rules.add(vec![vec![comma.clone(), Part::Rule(item)]]);
                more.push(Part::Repeat(another, least.saturating_sub(done), most - done));
            }
            more.push(end.clone());
            if before.is_empty() {
                if least == 0 {
                    options.push(vec![end.clone()]);
                }
                more.insert(0, Part::Rule(item));
            }
            options.push(more);
        } else {
            options.push(vec![end.clone()]);
        }
        let mut rest = self.rules.add(options);
        for (index, item) in before.iter().enumerate().rev() {
            let mut goes_on = vec![Part::Rule(*item), Part::Rule(rest)];
            if index > 0 {
                goes_on.insert(0, comma.clone());
            }
            let mut options = vec![goes_on];
            if index as u64 >= least {
                options.push(vec![end.clone()]);
            }
            rest = self.rules.add(options);
        }
        self.rules.add(vec![vec![Part::literal("["), Part::Rule(rest)]])
    }
}

/// What each of the first items has to fit, and what all others have to.
type Items<'a> = (Vec<Vec<Fragment<'a>>>, Vec<Fragment<'a>>);

fn items<'a>(parts: &[Keywords<'a>]) -> Result<Items<'a>, Trouble> {
    let mut said = Vec::new();
    for part in parts {
        let is_list = part.get("items").is_some_and(Value::is_array);
        said.push(match is_list {
            // As drafts before 2020-12 wrote it.
            true => (part.list("items")?, part.one("additionalItems")),
            false => (part.list("prefixItems")?, part.one("items")),
        });
    }
    let count = said.iter().map(|(first, _)| first.len()).max().unwrap_or(0);
    let at = |index: usize| {
        let of_part = |(first, rest): &(Vec<Fragment<'a>>, Option<Fragment<'a>>)| {
            first.get(index).cloned().or_else(|| rest.clone())
        };
        said.iter().filter_map(of_part).collect::<Vec<_>>()
    };
    let rest = said.iter().filter_map(|(_, rest)| rest.clone()).collect();
    Ok(((0..count).map(at).collect(), rest))
}
