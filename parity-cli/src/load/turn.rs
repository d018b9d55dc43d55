//! One turn of load on one backend: closed (so many users, each waiting for its answer) or open (so
//! many requests a second, whatever the answers do).

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{Plan, Samples};
use crate::backend::HttpClient;

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// This many users, each sending its next request when the last one was answered.
    Users(usize),
    /// This many requests a second, sent when they are due.
    PerSecond(f64),
}

/// Requests that may be under way in an open turn. One that finds no room is counted, not sent.
const MOST_UNDER_WAY: usize = 4_096;
/// Different faults that are described; all are counted.
const FAULTS_DESCRIBED: usize = 20;

/// What became of a turn, warm-up left out.
#[derive(Debug, Clone, Default)]
pub struct TurnResult {
    pub samples: Samples,
    /// Requests without an answer.
    pub errors: u64,
    /// Answers with another status or other members than recorded.
    pub wrong: u64,
    /// Requests that were due and found no room.
    pub not_sent: u64,
    /// Wrong answers and errors by description.
    pub faults: BTreeMap<String, u64>,
    /// By second since the turn began, warm-up left out.
    pub seconds: BTreeMap<u64, Second>,
    /// Measured time, warm-up left out.
    pub measured: Duration,
}

/// One second of a turn.
#[derive(Debug, Clone, Default)]
pub struct Second {
    pub samples: Samples,
    pub errors: u64,
    pub wrong: u64,
}

impl TurnResult {
    /// Adds another turn on the same backend.
    pub fn merge(&mut self, other: Self) {
        let offset = self.seconds.keys().last().map_or(0, |last| last + 1);
        self.samples.merge(&other.samples);
        self.errors += other.errors;
        self.wrong += other.wrong;
        self.not_sent += other.not_sent;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (second, data) in other.seconds {
            self.seconds.insert(offset + second, data);
        }
        self.measured += other.measured;
    }

    fn add(&mut self, since_warm_up: Duration, latency: Duration, outcome: Result<(), Fault>) {
        let second = self.seconds.entry(since_warm_up.as_secs()).or_default();
        match &outcome {
            Err(Fault::NoAnswer(_)) => {
                self.errors += 1;
                second.errors += 1;
            }
            Err(Fault::Wrong(_)) => {
                self.wrong += 1;
                second.wrong += 1;
            }
            Ok(()) => {}
        }
        // An error is no latency; a wrong answer took its time nevertheless.
        if !matches!(outcome, Err(Fault::NoAnswer(_))) {
            self.samples.record(latency);
            second.samples.record(latency);
        }
        if let Err(Fault::NoAnswer(text) | Fault::Wrong(text)) = outcome
            && (self.faults.len() < FAULTS_DESCRIBED || self.faults.contains_key(&text))
        {
            *self.faults.entry(text).or_default() += 1;
        }
    }
}

enum Fault {
    NoAnswer(String),
    Wrong(String),
}

/// Everything the senders of one turn share.
struct Turn {
    client: HttpClient,
    plan: Arc<Plan>,
    next: AtomicUsize,
    /// Requests due before this are warm-up.
    counted_from: Instant,
    ends: Instant,
    result: Mutex<TurnResult>,
}

impl Turn {
    /// Sends the next request of the plan; its latency counts from `due`.
    async fn send(&self, due: Instant) {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.plan.requests.len();
        let planned = &self.plan.requests[index];
        let outcome = match self.client.send(&planned.request).await {
            Err(error) => Err(Fault::NoAnswer(format!("{}: {error}", planned.route))),
            Ok(answer) => match planned.check.fault(&answer) {
                Some(fault) => Err(Fault::Wrong(format!("{}: {fault}", planned.route))),
                None => Ok(()),
            },
        };
        let latency = due.elapsed();
        if let Some(since_warm_up) = due.checked_duration_since(self.counted_from) {
            self.result.lock().add(since_warm_up, latency, outcome);
        }
    }
}

/// Runs one turn: `warm_up` uncounted, then `duration` counted. Waits for requests under way.
pub async fn run_turn(
    client: HttpClient,
    plan: Arc<Plan>,
    pace: Pace,
    warm_up: Duration,
    duration: Duration,
) -> TurnResult {
    let counted_from = Instant::now() + warm_up;
    let turn = Arc::new(Turn {
        client,
        plan,
        next: AtomicUsize::new(0),
        counted_from,
        ends: counted_from + duration,
        result: Mutex::default(),
    });
    match pace {
        Pace::Users(users) => closed(&turn, users).await,
        Pace::PerSecond(rate) => open(&turn, rate).await,
    }
    let mut result = std::mem::take(&mut *turn.result.lock());
    result.measured = duration;
    result
}

async fn closed(turn: &Arc<Turn>, users: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..users {
        let turn = Arc::clone(turn);
        tasks.spawn(async move {
            while Instant::now() < turn.ends {
                turn.send(Instant::now()).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn open(turn: &Arc<Turn>, rate: f64) {
    let began = Instant::now();
    let room = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    let mut tasks = JoinSet::new();
    for number in 0_u32.. {
        let due = began + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= turn.ends {
            break;
        }
        tokio::time::sleep_until(due).await;
        while tasks.try_join_next().is_some() {}
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                let turn = Arc::clone(turn);
                tasks.spawn(async move {
                    turn.send(due).await;
                    drop(permit);
                });
            }
            Err(_) if due >= turn.counted_from => turn.result.lock().not_sent += 1,
            Err(_) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}
