//! How large a schema may be.
//!
//! What is counted here makes a grammar large or slow to follow. The limits on members are OpenAI's for
//! structured outputs (its guide, "supported schemas").

use serde_json::{Map, Value};

use super::Unfollowable;

/// Most members that are named, and most that are required.
const MEMBERS: usize = 5_000;
/// Most values that are named one by one.
const VALUES: usize = 5_000;
/// Most patterns of one object's names: each is compared with each.
const PATTERNS: usize = 32;

#[derive(Default)]
struct Extent<'a> {
    members: usize,
    required: usize,
    values: usize,
    /// Names and numbers on the way to the schema that is looked at.
    way: Vec<Step<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Number(usize),
}

/// Fails with the keyword that makes a schema too large.
pub(super) fn check(schema: &Value) -> Result<(), Unfollowable> {
    Extent::default().schema(schema)
}

impl<'a> Extent<'a> {
    fn schema(&mut self, schema: &'a Value) -> Result<(), Unfollowable> {
        match schema {
            Value::Object(map) => map.iter().try_for_each(|(keyword, value)| {
                self.count(keyword, value)?;
                self.inside(Step::Name(keyword), |all| match (keyword.as_str(), value) {
                    ("const" | "enum" | "default" | "examples" | "required", _) => Ok(()),
                    (
                        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                        Value::Object(named),
                    ) => all.each(named),
                    _ => all.schema(value),
                })
            }),
            Value::Array(list) => {
                let mut schemas = list.iter().enumerate();
                schemas.try_for_each(|(number, schema)| {
                    self.inside(Step::Number(number), |all| all.schema(schema))
                })
            }
            _ => Ok(()),
        }
    }

    fn each(&mut self, named: &'a Map<String, Value>) -> Result<(), Unfollowable> {
        let mut schemas = named.iter();
        schemas.try_for_each(|(name, schema)| self.inside(Step::Name(name), |all| all.schema(schema)))
    }

    fn inside(
        &mut self,
        step: Step<'a>,
        look: impl FnOnce(&mut Self) -> Result<(), Unfollowable>,
    ) -> Result<(), Unfollowable> {
        self.way.push(step);
        look(self)?;
        self.way.pop();
        Ok(())
    }

    fn count(&mut self, keyword: &str, value: &Value) -> Result<(), Unfollowable> {
        let named = value.as_object().map_or(0, Map::len);
        let listed = value.as_array().map_or(0, Vec::len);
        let (count, most, reason) = match keyword {
            "properties" => {
                self.members += named;
                (self.members, MEMBERS, "members that the schema names")
            }
            "required" => {
                self.required += listed;
                (self.required, MEMBERS, "names that the schema requires")
            }
            "enum" => {
                self.values += listed;
                (self.values, VALUES, "values that the schema lists")
            }
            "patternProperties" => (named, PATTERNS, "patterns"),
            _ => return Ok(()),
        };
        if count <= most {
            return Ok(());
        }
        let mut place = String::new();
        for step in &self.way {
            place.push('/');
            match step {
                Step::Name(name) => place.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Number(number) => place.push_str(&number.to_string()),
            }
        }
        Err(Unfollowable {
            keyword: keyword.to_owned(),
            place: super::fragment::shown(&place),
            reason: format!("brings the {reason} above {most}, which is too much to be followed"),
        })
    }
}
