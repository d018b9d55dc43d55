//! When the candidate does so badly that the stage falls back by itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::StepBackConfig;

/// What one request tells about the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered a user.
    Answered,
    /// It answered a user with a server error, or not at all.
    Failed,
    Agreed,
    Diverged,
}

/// Why the stage falls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    ErrorRate,
    DivergenceRate,
}

impl Reason {
    /// Name in metrics and audit lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::DivergenceRate => "divergence_rate",
        }
    }
}

/// Signs of one window of time.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    min_requests: u64,
    max_error_rate: f64,
    max_divergence_rate: f64,
    began: Option<Instant>,
    served: u64,
    failed: u64,
    compared: u64,
    diverged: u64,
}

impl Window {
    pub(super) fn new(config: &StepBackConfig) -> Self {
        Self {
            length: config.window.0,
            min_requests: config.min_requests.max(1),
            max_error_rate: config.max_error_rate,
            max_divergence_rate: config.max_divergence_rate,
            began: None,
            served: 0,
            failed: 0,
            compared: 0,
            diverged: 0,
        }
    }

    /// Forgets what it saw.
    pub(super) fn clear(&mut self) {
        self.began = None;
        (self.served, self.failed) = (0, 0);
        (self.compared, self.diverged) = (0, 0);
    }

    /// Adds a sign; says so when a limit is crossed.
    pub(super) fn observe(&mut self, sign: Sign, now: Instant) -> Option<Reason> {
        if self.began.is_none_or(|began| now - began > self.length) {
            self.clear();
            self.began = Some(now);
        }
        match sign {
            Sign::Answered => self.served += 1,
            Sign::Failed => {
                self.served += 1;
                self.failed += 1;
            }
            Sign::Agreed => self.compared += 1,
            Sign::Diverged => {
                self.compared += 1;
                self.diverged += 1;
            }
        }
        let crossed = |bad: u64, all: u64, limit: f64| {
            all >= self.min_requests && bad as f64 > limit * all as f64
        };
        if crossed(self.failed, self.served, self.max_error_rate) {
            Some(Reason::ErrorRate)
        } else if crossed(self.diverged, self.compared, self.max_divergence_rate) {
            Some(Reason::DivergenceRate)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::Span;

    fn window() -> Window {
        Window::new(&StepBackConfig {
            window: Span::secs(30),
            min_requests: 100,
            max_error_rate: 0.02,
            max_divergence_rate: 0.05,
        })
    }

    #[test]
    fn a_rate_is_judged_only_from_enough_requests() {
        let (mut window, now) = (window(), Instant::now());
        for _ in 0..99 {
            assert_eq!(window.observe(Sign::Failed, now), None);
        }
        assert_eq!(window.observe(Sign::Failed, now), Some(Reason::ErrorRate));
    }

    #[test]
    fn a_rate_at_its_limit_is_allowed_and_one_beyond_is_not() {
        let (mut window, now) = (window(), Instant::now());
        for _ in 0..95 {
            assert_eq!(window.observe(Sign::Agreed, now), None);
        }
        for _ in 0..5 {
            assert_eq!(window.observe(Sign::Diverged, now), None);
        }
        assert_eq!(
            window.observe(Sign::Diverged, now),
            Some(Reason::DivergenceRate)
        );
    }

    #[test]
    fn an_old_window_is_forgotten() {
        let (mut window, now) = (window(), Instant::now());
        for _ in 0..99 {
            window.observe(Sign::Failed, now);
        }
        let later = now + Duration::from_secs(31);
        assert_eq!(window.observe(Sign::Failed, later), None);
    }
}
