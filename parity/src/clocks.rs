//! Times that two backends took from their own clocks while they answered the same request.
//!
//! Where the clock of a side is not set, "now" differs between the sides, but not by any amount: it
//! lies between the moment this side was asked and the moment it had answered. Only a value that
//! does, on both sides and in the same notation, is told apart from a value that is wrong. Spans of
//! earlier steps stay known, because later answers mention what was written then.

use chrono::{DateTime, Utc};

use crate::instant::Written;

/// Name under which differences are tolerated that both clocks explain.
pub const CLOCK_RULE: &str = "exchange-clock";

/// Why they are.
pub(crate) const CLOCK_REASON: &str =
    "each side took the time from its own clock, which was not set, while it answered";

/// What the clock of one side can have shown while it answered: both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Span {
    /// A clock that stands still.
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self {
            from: instant,
            to: instant,
        }
    }

    /// Whether the clock can have shown this, cut to whole `unit`s of microseconds.
    fn holds(&self, micros: i64, unit: i64) -> bool {
        let from = self.from.timestamp_micros();
        from - from.rem_euclid(unit) <= micros && micros <= self.to.timestamp_micros()
    }
}

/// How an instant came to be text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A service wrote it: how many digits it writes is part of what is compared.
    Service,
    /// The database printed a column, and leaves out zeros at the end of a fraction.
    Column,
}

/// The two clocks of a scenario, step by step: reference, candidate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clocks(Vec<[Span; 2]>);

impl Clocks {
    pub(crate) fn push(&mut self, spans: [Span; 2]) {
        self.0.push(spans);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both texts say what the clocks showed during one step.
    pub(crate) fn explain(&self, reference: &str, candidate: &str, origin: Origin) -> bool {
        self.explain_ahead(reference, candidate, origin, 0)
    }

    /// Whether both texts say what the clocks showed during one step, so many seconds later.
    pub(crate) fn explain_expiry(&self, reference: &str, candidate: &str, seconds: i64) -> bool {
        let ahead = seconds.saturating_mul(1_000_000);
        self.explain_ahead(reference, candidate, Origin::Service, ahead)
    }

    fn explain_ahead(&self, reference: &str, candidate: &str, origin: Origin, ahead: i64) -> bool {
        if self.is_empty() {
            return false;
        }
        let (Some(ours), Some(theirs)) = (Written::parse(reference), Written::parse(candidate))
        else {
            return false;
        };
        let same_form = ours.notation_without_fraction() == theirs.notation_without_fraction();
        let units = if origin == Origin::Service && ours.notation == theirs.notation {
            [ours.unit(), theirs.unit()]
        } else if same_form && (origin == Origin::Column || whole_on_one_side(&ours, &theirs)) {
            [1, 1]
        } else {
            return false;
        };
        self.0.iter().any(|spans| {
            [&ours, &theirs]
                .into_iter()
                .zip(units)
                .zip(spans)
                .all(|((written, unit), span)| {
                    span.holds(written.micros.saturating_sub(ahead), unit)
                })
        })
    }

    /// During which step the clock of one side can have shown this.
    pub(crate) fn step_of(&self, side: usize, text: &str, origin: Origin) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let written = Written::parse(text)?;
        let unit = match origin {
            Origin::Service => written.unit(),
            Origin::Column => 1,
        };
        self.0
            .iter()
            .position(|spans| spans[side].holds(written.micros, unit))
    }
}

/// Python leaves the fraction out where it is zero, and then the second is exact.
fn whole_on_one_side(ours: &Written, theirs: &Written) -> bool {
    (ours.fraction == 0) != (theirs.fraction == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Span {
        let time = |text: &str| text.parse().expect("a time");
        Span {
            from: time(from),
            to: time(to),
        }
    }

    fn clocks() -> Clocks {
        let mut clocks = Clocks::default();
        clocks.push([
            span("2026-01-15T12:00:00Z", "2026-01-15T12:00:00Z"),
            span("2026-11-26T08:30:05.2505Z", "2026-11-26T08:30:05.3Z"),
        ]);
        clocks.push([
            span("2026-01-15T12:00:01.5Z", "2026-01-15T12:00:01.5Z"),
            span("2026-11-26T08:30:06Z", "2026-11-26T08:30:06.1Z"),
        ]);
        clocks
    }

    #[test]
    fn only_what_both_clocks_showed_in_the_same_step_is_explained() {
        let clocks = clocks();
        for (reference, candidate, explained) in [
            (
                "2026-01-15T12:00:01.500000Z",
                "2026-11-26T08:30:06.099999Z",
                true,
            ),
            // Cut to the millisecond, it is before the span began.
            ("2026-01-15T12:00:01.500Z", "2026-11-26T08:30:06.000Z", true),
            ("2026-01-15T12:00:00.000Z", "2026-11-26T08:30:05.250Z", true),
            (
                "2026-01-15T12:00:00.000000Z",
                "2026-11-26T08:30:05.250499Z",
                false,
            ),
            (
                "2026-01-15T12:00:00.000000Z",
                "2026-11-26T08:30:05.300001Z",
                false,
            ),
            // Of two steps.
            (
                "2026-01-15T12:00:00.000000Z",
                "2026-11-26T08:30:06.000000Z",
                false,
            ),
            // Without the fraction, because it is zero.
            (
                "2026-01-15T12:00:00+00:00",
                "2026-11-26T08:30:05.275000+00:00",
                true,
            ),
            (
                "2026-01-15T12:00:00+00:00",
                "2026-11-26T08:30:05.275000Z",
                false,
            ),
            (
                "2026-01-15T12:00:01+00:00",
                "2026-11-26T08:30:06.050000+00:00",
                false,
            ),
            (
                "2026-01-15T12:00:01.5Z",
                "2026-11-26T08:30:06.050000Z",
                false,
            ),
            ("2026-01-15T12:00:01.5Z", "soon", false),
        ] {
            assert_eq!(
                clocks.explain(reference, candidate, Origin::Service),
                explained,
                "{reference} {candidate}"
            );
        }
        let same = "2026-01-15T12:00:00Z";
        assert!(!Clocks::default().explain(same, same, Origin::Service));
    }

    #[test]
    fn a_database_leaves_out_zeros_at_the_end() {
        let clocks = clocks();
        let explain =
            |candidate, origin| clocks.explain("2026-01-15T12:00:01.5+00:00", candidate, origin);
        let trimmed = "2026-11-26T08:30:06.05012+00:00";
        assert!(explain(trimmed, Origin::Column));
        assert!(!explain(trimmed, Origin::Service));
        assert!(!explain("2026-11-26T08:30:05.3+00:00", Origin::Column));
    }

    #[test]
    fn an_expiry_is_so_far_ahead_of_both_clocks() {
        let ours = "Thu, 15 Jan 2026 12:01:00 GMT";
        let theirs = "Thu, 26 Nov 2026 08:31:05 GMT";
        assert!(clocks().explain_expiry(ours, theirs, 60));
        assert!(!clocks().explain_expiry(ours, theirs, 0));
        assert!(!clocks().explain_expiry(ours, "Thu, 26 Nov 2026 08:31:07 GMT", 60));
    }
}
