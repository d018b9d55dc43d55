//! What is looked at beyond the two answers: rows, and the reference's own noise.

use serde::Deserialize;

use super::{
    BreakerConfig,
    units::{Size, Span},
};

/// Comparing the rows the embedded candidate would write with those the reference wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RowsConfig {
    /// Environment variable with the URL of the database that the reference writes to: the primary,
    /// not a replica, as a role that may only read.
    pub url_env: String,
    /// Connections of its own.
    pub connections: u32,
    /// Exchanges whose rows are being compared at one time; those of more are dropped.
    pub capacity: usize,
    /// Largest image of one exchange's rows.
    pub image_cap: Size,
    /// Time for everything before the reference wrote, and again for everything after.
    pub deadline: Span,
    /// How long rows that differ have to hold still before they count.
    pub settle: Span,
}

impl Default for RowsConfig {
    fn default() -> Self {
        Self {
            url_env: "SHADOW_PROXY_ROWS_URL".to_owned(),
            connections: 2,
            capacity: 32,
            image_cap: Size::mib(1),
            deadline: Span::secs(2),
            settle: Span::millis(500),
        }
    }
}

impl RowsConfig {
    /// Most memory that images can take: one before and one after for each exchange.
    pub fn memory_bound(&self) -> Size {
        Size((2 * self.capacity as u64).saturating_mul(self.image_cap.0))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.connections == 0 || self.capacity == 0 {
            return Err("rows.connections and rows.capacity must be at least 1".into());
        }
        Ok(())
    }
}

/// Asking the reference twice, to learn what it does not hold still.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseConfig {
    /// Share of the mirrored GET and HEAD requests of named routes that cannot change rows; a route
    /// may name another.
    pub rate: f64,
    /// Most extra requests to the reference in any second.
    pub max_per_second: u32,
    pub breaker: BreakerConfig,
}

impl Default for NoiseConfig {
    fn default() -> Self {
        Self {
            rate: 0.0,
            max_per_second: 5,
            breaker: BreakerConfig {
                failures: 3,
                pause: Span::secs(30),
            },
        }
    }
}

impl NoiseConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(format!(
                "noise.rate is {}: write a share between 0.0 (none) and 1.0 (all)",
                self.rate
            ));
        }
        if self.max_per_second == 0 {
            return Err(
                "noise.max_per_second must be at least 1; noise.rate = 0.0 turns it off".into(),
            );
        }
        Ok(())
    }
}
