//! How long both sides took, over time.
//!
//! Quantiles per slot of five seconds, for the last half hour, for every route and for all of them
//! together. Only the slot that is open has histograms; a slot that is closed is a few numbers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::Serialize;

use crate::stage::Side;

/// Length of a slot, in seconds.
pub const SLOT_SECONDS: u64 = 5;

/// Slots that are kept.
const SLOTS: usize = 360;

/// Longest time that is told apart, in microseconds.
const LONGEST: u64 = 60_000_000;

/// Quantiles of one side in one slot, in milliseconds, exact to one percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

/// Both sides in one slot; a side that was not asked in it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When the slot began, in seconds since 1970.
    pub at: u64,
    pub reference: Option<Quantiles>,
    pub candidate: Option<Quantiles>,
}

/// The curves.
#[derive(Debug, Default)]
pub struct Latencies(Mutex<Series>);

#[derive(Debug, Default)]
struct Series {
    /// Number of the open slot since 1970.
    slot: u64,
    open: BTreeMap<Arc<str>, Sides>,
    closed: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    all: Point,
    routes: BTreeMap<Arc<str>, Point>,
}

/// Times of one route in the open slot, in microseconds.
#[derive(Debug)]
struct Sides {
    reference: Histogram<u32>,
    candidate: Histogram<u32>,
}

impl Latencies {
    /// A side answered after this time.
    pub fn observe(&self, side: Side, route: &Arc<str>, took: Duration) {
        self.0.lock().observe(slot_now(), side, route, took);
    }

    /// The curves of one route, or of all together; oldest first. The last point is still open.
    pub fn points(&self, route: Option<&str>) -> Vec<Point> {
        let mut series = self.0.lock();
        series.advance(slot_now());
        let point = |slot: &Slot| match route {
            None => Some(slot.all),
            Some(route) => slot.routes.get(route).copied(),
        };
        let open = series.summary();
        series
            .closed
            .iter()
            .chain([&open])
            .filter_map(point)
            .collect()
    }
}

impl Series {
    fn observe(&mut self, now: u64, side: Side, route: &Arc<str>, took: Duration) {
        self.advance(now);
        if !self.open.contains_key(route) {
            self.open.insert(Arc::clone(route), Sides::new());
        }
        if let Some(sides) = self.open.get_mut(route) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST).max(1);
            sides.of(side).saturating_record(micros);
        }
    }

    /// Closes the open slot when its time is over.
    fn advance(&mut self, now: u64) {
        if now <= self.slot {
            return;
        }
        if !self.open.is_empty() {
            if self.closed.len() == SLOTS {
                self.closed.pop_front();
            }
            self.closed.push_back(self.summary());
            self.open.clear();
        }
        self.slot = now;
        let oldest = now.saturating_sub(SLOTS as u64) * SLOT_SECONDS;
        while self.closed.front().is_some_and(|slot| slot.all.at < oldest) {
            self.closed.pop_front();
        }
    }

    fn summary(&self) -> Slot {
        let at = self.slot * SLOT_SECONDS;
        let mut all = Sides::new();
        let mut routes = BTreeMap::new();
        for (route, sides) in &self.open {
            all.add(sides);
            routes.insert(Arc::clone(route), sides.point(at));
        }
        Slot {
            all: all.point(at),
            routes,
        }
    }
}

impl Sides {
    fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are constants it accepts")
        };
        Self {
            reference: histogram(),
            candidate: histogram(),
        }
    }

    fn of(&mut self, side: Side) -> &mut Histogram<u32> {
        match side {
            Side::Reference => &mut self.reference,
            Side::Candidate => &mut self.candidate,
        }
    }

    fn add(&mut self, other: &Self) {
        self.reference += &other.reference;
        self.candidate += &other.candidate;
    }

    fn point(&self, at: u64) -> Point {
        Point {
            at,
            reference: quantiles(&self.reference),
            candidate: quantiles(&self.candidate),
        }
    }
}

fn quantiles(histogram: &Histogram<u32>) -> Option<Quantiles> {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    (!histogram.is_empty()).then(|| Quantiles {
        count: histogram.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
    })
}

fn slot_now() -> u64 {
    // A clock before 1970 leaves everything in one slot.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() / SLOT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(series: &mut Series, slot: u64, side: Side, route: &str, millis: u64) {
        series.observe(slot, side, &Arc::from(route), Duration::from_millis(millis));
    }

    #[test]
    fn quantiles_are_told_by_slot_side_and_route() {
        let mut series = Series::default();
        for millis in 1..=100 {
            observe(&mut series, 7, Side::Reference, "a", millis);
            observe(&mut series, 7, Side::Candidate, "a", 2 * millis);
        }
        observe(&mut series, 7, Side::Reference, "b", 1000);
        observe(&mut series, 9, Side::Reference, "a", 5);
        let closed = &series.closed[0];
        assert_eq!(closed.all.at, 35);
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() <= 0.01;
        let a = closed.routes["a"];
        let (reference, candidate) = (a.reference.unwrap(), a.candidate.unwrap());
        assert!(
            near(reference.p50, 50.0) && near(reference.p99, 99.0),
            "{a:?}"
        );
        assert!(
            near(candidate.p50, 100.0) && near(candidate.p90, 180.0),
            "{a:?}"
        );
        assert_eq!(closed.routes["b"].candidate, None);
        let all = closed.all.reference.unwrap();
        assert_eq!(all.count, 101);
        assert!(near(all.p99, 100.0), "{all:?}");
        assert_eq!(series.summary().all.reference.unwrap().count, 1);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_time() {
        let mut series = Series::default();
        for slot in 1..=SLOTS as u64 + 50 {
            observe(&mut series, slot, Side::Reference, "a", 1);
        }
        assert_eq!(series.closed.len(), SLOTS);
        observe(&mut series, 10_000, Side::Reference, "a", 1);
        assert!(series.closed.is_empty(), "a silence makes old slots go");
    }

    #[test]
    fn no_time_is_too_short_or_too_long() {
        let mut series = Series::default();
        let route = Arc::from("a");
        series.observe(1, Side::Reference, &route, Duration::ZERO);
        series.observe(1, Side::Reference, &route, Duration::MAX);
        assert_eq!(series.summary().all.reference.unwrap().count, 2);
    }
}
