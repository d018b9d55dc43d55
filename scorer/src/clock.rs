//! The wall clock as a value, so that a replay can stand still at the instant of a recording.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::RwLock;

/// Where "now" comes from. Clones of a fixed clock share their instant.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Fixed(Arc<RwLock<DateTime<Utc>>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `instant` until it is [set](Self::set).
    #[must_use]
    pub fn fixed(instant: DateTime<Utc>) -> Self {
        Self(Source::Fixed(Arc::new(RwLock::new(instant))))
    }

    /// The current instant, cut to the microsecond as Python's `datetime.now` has it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => to_microseconds(Utc::now()),
            Source::Fixed(instant) => *instant.read(),
        }
    }

    /// Moves a fixed clock; a system clock is left alone and `false` is returned.
    pub fn set(&self, instant: DateTime<Utc>) -> bool {
        match &self.0 {
            Source::System => false,
            Source::Fixed(shared) => {
                *shared.write() = to_microseconds(instant);
                true
            }
        }
    }
}

fn to_microseconds(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_fixed_clock_move_together() {
        let clock = Clock::fixed(DateTime::UNIX_EPOCH);
        let other = clock.clone();
        let later = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        assert!(clock.set(later));
        assert_eq!(other.now(), later);
    }

    #[test]
    fn the_system_clock_cannot_be_set_and_has_microseconds() {
        let clock = Clock::system();
        assert!(!clock.set(DateTime::UNIX_EPOCH));
        assert_eq!(clock.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
