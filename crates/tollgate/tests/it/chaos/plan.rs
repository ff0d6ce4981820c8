//! What is asked and what happens to it, from a number alone: a run can be repeated request by request.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{Effect, FAULTS, Fault};

/// The channels behind which a provider does as the request says, by priority.
pub const SCRIPTED: [char; 3] = ['a', 'b', 'c'];

/// A model and its channels, in the order in which they are tried.
pub struct Route {
    pub model: &'static str,
    pub channels: &'static [&'static str],
}

const fn route(model: &'static str, channels: &'static [&'static str]) -> Route {
    Route { model, channels }
}

/// One channel, two, three; and those that fail before any provider has read the request.
pub static ROUTES: [Route; 10] = [
    route("one", &["a"]),
    route("two", &["a", "b"]),
    route("three", &["a", "b", "c"]),
    route("refused", &["refused"]),
    route("no-tls", &["no-tls"]),
    route("dumb-tls", &["dumb-tls"]),
    route("behind-refused", &["refused", "a"]),
    route("behind-no-tls", &["no-tls", "a", "b"]),
    route("behind-dumb-tls", &["dumb-tls", "a", "b"]),
    route("doors", &["refused", "no-tls", "dumb-tls"]),
];
/// How many of them are scripted alone.
const SCRIPTED_ROUTES: usize = 3;

/// Leaps through the combinations, so that the first few requests are already of every kind. A prime, so that all
/// have their turn.
const STRIDE: usize = 109;

/// Faults after which a channel rests for longer than a run takes.
const LONG_RESTS: [&str; 5] = ["429", "429-later", "401", "quota", "404"];

/// One request.
pub struct Plan {
    pub number: usize,
    pub route: &'static Route,
    pub stream: bool,
    /// What each scripted channel does.
    pub faults: [&'static Fault; 3],
    /// When the client goes away.
    pub leaves: Option<Duration>,
}

impl Plan {
    /// `long_rests`: whether channels may be sent to rest for longer than the run.
    pub fn of(number: usize, seed: u64, long_rests: bool) -> Self {
        let mut dice = Dice(seed ^ (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Every fault, whole and streamed, over one, two and three channels; then from the start.
        let by_turns = FAULTS.len() * 2 * SCRIPTED_ROUTES;
        let turn = number * STRIDE % by_turns;
        let (first, stream) = (&FAULTS[turn % FAULTS.len()], turn / FAULTS.len() % 2 == 1);
        let route = match dice.one_in(6) {
            true => &ROUTES[SCRIPTED_ROUTES + dice.below(ROUTES.len() - SCRIPTED_ROUTES)],
            false => &ROUTES[turn / (FAULTS.len() * 2)],
        };
        let mut faults = [first, &FAULTS[0], &FAULTS[0]];
        for fault in &mut faults[1..] {
            if !dice.one_in(2) {
                *fault = &FAULTS[dice.below(FAULTS.len())];
            }
        }
        if !long_rests {
            for fault in &mut faults {
                if LONG_RESTS.contains(&fault.name) {
                    *fault = Fault::named("500");
                }
            }
        }
        let endless = faults.iter().any(|fault| fault.effect(stream) == Effect::Endless);
        let leaves = (endless || dice.one_in(25)).then(|| Duration::from_millis(dice.below(1_200) as u64));
        Self {
            number,
            route,
            stream,
            faults,
            leaves,
        }
    }

    /// Three channels, and none of them answers.
    pub fn of_outage(number: usize) -> Self {
        Self {
            number,
            route: &ROUTES[2],
            stream: number.is_multiple_of(2),
            faults: [Fault::named("500"); 3],
            leaves: None,
        }
    }

    /// The request that says all of it.
    pub fn request(&self) -> Value {
        let [a, b, c] = self.faults.map(|fault| fault.name);
        let told = format!("{} a={a} b={b} c={c}", self.number);
        json!({"model": self.route.model, "messages": [{"role": "user", "content": told}]})
    }

    /// What the provider behind `channel` is to do with such a request, and its number.
    pub fn told(request: &Value, channel: char) -> (usize, &'static Fault) {
        let told = request["messages"][0]["content"].as_str().unwrap();
        let mut words = told.split(' ');
        let number = words.next().unwrap().parse().unwrap();
        let own = words.find_map(|word| word.strip_prefix(channel)?.strip_prefix('='));
        (number, Fault::named(own.unwrap()))
    }

    /// What comes of asking each channel of the route.
    fn effects(&self) -> impl Iterator<Item = Effect> {
        self.route.channels.iter().map(|channel| {
            let scripted = SCRIPTED.iter().position(|name| *channel == name.to_string());
            scripted.map_or(Effect::Passes, |place| self.faults[place].effect(self.stream))
        })
    }

    /// Whether the client must get an answer: the first channel has one, or it passes and the second has. What
    /// comes after that may be denied by the retry budget.
    pub fn must_answer(&self) -> bool {
        let mut effects = self.effects();
        match effects.next() {
            Some(Effect::Passes) => effects.next() == Some(Effect::Answers),
            first => first == Some(Effect::Answers),
        }
    }

    /// Whether the answer may go on for ever.
    pub fn may_be_endless(&self) -> bool {
        self.effects().any(|effect| effect == Effect::Endless)
    }

    /// The channels of the route whose provider reads the request.
    pub fn scripted(&self) -> usize {
        let is_scripted = |channel: &&str| channel.len() == 1;
        self.route
            .channels
            .iter()
            .copied()
            .filter(|channel| is_scripted(channel))
            .count()
    }

    /// How many of them the first try and the first failover ask. `in_order`: no channel is passed over.
    pub fn free_tries(&self, in_order: bool) -> usize {
        let first_two = &self.route.channels[..self.route.channels.len().min(2)];
        match in_order {
            true => first_two.iter().filter(|channel| channel.len() == 1).count(),
            false => self.scripted().min(2),
        }
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}
