//! The applications: they ask, and judge what comes by what was said.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{task::JoinSet, time::timeout};
use tollgate_testkit::gate::Gate;

use super::{CLIENTS, DEADLINE, IDLE, SLACK, Said, Sayings, fault::Effect, plan::Plan};

/// How a request went.
#[derive(Debug, PartialEq, Eq)]
pub enum Went {
    Answered,
    /// With this code.
    Failed(String),
    Left,
}

/// Makes one request and judges what comes.
pub async fn ask(gate: &Gate, plan: &Plan, said: &Sayings) -> Result<Went, String> {
    let request = plan.request();
    let limit = match plan.stream {
        // A stream that has begun ends by itself, or is silent for too long.
        true => DEADLINE + IDLE + SLACK,
        false => DEADLINE + SLACK,
    };
    let patience = plan.leaves.unwrap_or(limit);
    let (status, channel, text, error) = if plan.stream {
        let Ok(answer) = timeout(patience, gate.stream(&request)).await else {
            return left(plan);
        };
        if answer.has_done() && answer.error().is_some() {
            return Err("there is [DONE] and an error".to_owned());
        }
        if answer.status == 200 && !answer.has_done() && answer.error().is_none() {
            return Err("the stream ends without [DONE] and without an error".to_owned());
        }
        let channel = answer.header("x-tollgate-channel").map(str::to_owned);
        let error = answer.error().map(|error| error.code.clone().unwrap_or_default());
        (answer.status, channel, answer.text().to_owned(), error)
    } else {
        let Ok(answer) = timeout(patience, gate.post(&request)).await else {
            return left(plan);
        };
        let channel = answer.header("x-tollgate-channel").map(str::to_owned);
        match answer.status {
            200 => (200, channel, answer.text(), None),
            status => (
                status,
                channel,
                String::new(),
                Some(answer.error_code().unwrap_or_default()),
            ),
        }
    };
    let said = said.lock().unwrap();
    let said = said.get(&plan.number).map_or(&[][..], Vec::as_slice);
    let Some(code) = error else {
        let whole =
            |said: &&Said| said.text == text && matches!(said.effect, Effect::Answers | Effect::MayAnswer);
        let Some(whole) = said.iter().find(whole) else {
            return Err(format!("nobody said {text:?} as a whole answer"));
        };
        if channel.is_some_and(|channel| channel != whole.channel.to_string()) {
            return Err(format!("{text:?} is said to be another channel's"));
        }
        return Ok(Went::Answered);
    };
    if !text.is_empty() && !said.iter().any(|said| said.text.starts_with(&text)) {
        return Err(format!("nobody began to say {text:?}"));
    }
    if status == 500 || code.is_empty() {
        return Err(format!("error {code:?} with status {status} explains nothing"));
    }
    Ok(Went::Failed(code))
}

fn left(plan: &Plan) -> Result<Went, String> {
    match plan.leaves.is_some() || plan.may_be_endless() {
        true => Ok(Went::Left),
        false => Err("it hangs past the deadline".to_owned()),
    }
}

/// Makes these requests from many clients, and tells how each went.
pub async fn storm(gate: &Arc<Gate>, said: &Sayings, plans: Vec<Plan>) -> Vec<(Plan, Went)> {
    let plans: Arc<Vec<Plan>> = Arc::new(plans);
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (gate, said) = (Arc::clone(gate), Arc::clone(said));
        let (plans, next) = (Arc::clone(&plans), Arc::clone(&next));
        clients.spawn(async move {
            let mut went = Vec::new();
            while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = ask(&gate, plan, &said).await;
                let outcome = outcome
                    .unwrap_or_else(|wrong| panic!("{wrong}: {} {}", plan.route.model, plan.request()));
                went.push((plan.number, outcome));
            }
            went
        });
    }
    let mut went: HashMap<usize, Went> = HashMap::new();
    while let Some(ended) = clients.join_next().await {
        match ended {
            Ok(more) => went.extend(more),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    let plans = Arc::into_inner(plans).expect("every client has ended");
    plans
        .into_iter()
        .map(|plan| {
            let went = went.remove(&plan.number).expect("each one was asked");
            (plan, went)
        })
        .collect()
}
