//! Idle connections to a backend.
//!
//! Each lane has its own, because a connection that is driven by another thread makes every
//! exchange wait for that thread to wake up twice.

use std::{collections::VecDeque, time::Duration};

use hyper::client::conn::http1;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{body::Body, deadline::Deadline, retarget::Slot};
use crate::lanes;

/// A connection that carries one exchange at a time.
#[derive(Debug)]
pub struct Connection {
    pub sender: http1::SendRequest<Body>,
    pub retarget: Slot,
    /// For its answers.
    pub deadline: Deadline,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    fn is_spent(&self, now: Instant, limit: Duration) -> bool {
        self.connection.sender.is_closed() || now.duration_since(self.since) >= limit
    }
}

/// Connections that wait for their next exchange, the one used last at the back.
#[derive(Debug)]
pub struct Pool {
    by_lane: Box<[Mutex<VecDeque<Idle>>]>,
    /// Longest time a connection may wait.
    limit: Duration,
}

impl Pool {
    pub fn new(limit: Duration) -> Self {
        Self {
            by_lane: (0..lanes::default_count())
                .map(|_| Mutex::default())
                .collect(),
            limit,
        }
    }

    fn own(&self) -> &Mutex<VecDeque<Idle>> {
        &self.by_lane[lanes::index() % self.by_lane.len()]
    }

    /// The connection used last, so that the others can grow old and close: this lane's own, or
    /// before a new one is made, another's.
    pub fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        self.take_from(self.own(), now).or_else(|| {
            let mut others = self.by_lane.iter();
            others.find_map(|lane| self.take_from(lane, now))
        })
    }

    fn take_from(&self, lane: &Mutex<VecDeque<Idle>>, now: Instant) -> Option<Connection> {
        let mut idle = lane.lock();
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].is_spent(now, self.limit) {
                idle.remove(at);
            } else if idle[at].connection.sender.is_ready() {
                return idle.remove(at).map(|entry| entry.connection);
            }
        }
        None
    }

    /// Takes back a connection whose exchange is over.
    pub fn put(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.own().lock();
        // The longest idle ones are at the front.
        let is_spent = |entry: &Idle| entry.is_spent(now, self.limit);
        while idle.front().is_some_and(is_spent) {
            idle.pop_front();
        }
        idle.push_back(Idle {
            connection,
            since: now,
        });
    }
}
