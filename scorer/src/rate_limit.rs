//! How many calls a key may make, counted as the Python service counts (contract §4).

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// A limit: `count` calls per `period` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) count: u128,
    /// Seconds, at least 1.
    pub(crate) period: u64,
}

/// A rate that the Python service cannot use. The text is its exception's, for the analytics row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RateError {
    #[error("'NoneType' object has no attribute 'groups'")]
    NoMatch,
    /// A text with a dot is taken for the name of a function to import.
    #[error("No module named '{0}'")]
    Dotted(String),
    #[error("integer modulo by zero")]
    ZeroPeriod,
}

impl Rate {
    /// Parses `count/[number][smhd]`; whatever follows is ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, RateError> {
        if let Some((module, _)) = text.split_once('.') {
            return Err(RateError::Dotted(module.to_owned()));
        }
        let (count, rest) = split_digits(text);
        let rest = rest.strip_prefix('/').ok_or(RateError::NoMatch)?;
        if count.is_empty() {
            return Err(RateError::NoMatch);
        }
        let (number, unit) = split_digits(rest);
        let seconds = match unit.chars().next() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => 1,
        };
        let number = match number {
            "" => 1,
            digits => digits.parse().unwrap_or(u64::MAX),
        };
        match number.saturating_mul(seconds) {
            0 => Err(RateError::ZeroPeriod),
            period => Ok(Self {
                count: count.parse().unwrap_or(u128::MAX),
                period,
            }),
        }
    }

    /// Seconds that a counter lives.
    pub(crate) fn time_to_live(&self) -> u64 {
        self.period.saturating_add(5)
    }

    /// End of the window that `now` lies in, Unix seconds. Windows of different keys are staggered.
    fn window(&self, prefix: &str, now: DateTime<Utc>) -> i128 {
        let now = i128::from(now.timestamp());
        if self.period == 1 {
            return now;
        }
        let period = i128::from(self.period);
        let stagger = i128::from(crc32fast::hash(prefix.as_bytes())) % period;
        let window = now - now.rem_euclid(period) + stagger;
        if window < now {
            window + period
        } else {
            window
        }
    }

    /// Key of the counter, as both services use it.
    pub(crate) fn counter_key(&self, prefix: &str, now: DateTime<Utc>) -> String {
        let Self { count, period } = self;
        let window = self.window(prefix, now);
        let digest = Sha256::digest(format!("registry{count}/{period}s{prefix}{window}"));
        format!(":1:rl:{}", hex::encode(digest))
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_python_grammar() {
        for (text, count, period) in [
            ("125/15m", 125, 900),
            ("2/", 2, 1),
            ("2/s", 2, 1),
            ("1/15M", 1, 15),
            ("1/2h", 1, 7_200),
            ("0/1d", 0, 86_400),
            ("1/mx", 1, 60),
        ] {
            assert_eq!(Rate::parse(text), Ok(Rate { count, period }), "{text}");
        }
        for (text, error) in [
            ("abc", RateError::NoMatch),
            ("/m", RateError::NoMatch),
            (" 1/m", RateError::NoMatch),
            ("1.5/m", RateError::Dotted("1".to_owned())),
            ("1/0m", RateError::ZeroPeriod),
        ] {
            assert_eq!(Rate::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn counters_have_the_keys_of_the_python_service() {
        let now = DateTime::from_timestamp(1_700_000_000, 999).unwrap();
        for (prefix, rate, window, key) in [
            (
                "AbCdEf12",
                "125/15m",
                1_700_000_598,
                ":1:rl:2b83d7ecb87a073edb59d1542a448b97733bfc8459fedf7f9c24e67eef631cf6",
            ),
            (
                "ZZZZZZZZ",
                "350/15m",
                1_700_000_325,
                ":1:rl:6f232204cc5309e548acb3551b3c1e5986f80b5a658877c790401741488ad7fd",
            ),
            (
                "AbCdEf12",
                "2/s",
                1_700_000_000,
                ":1:rl:febcb269cabbb7a7d07d526a7090667c667dcd69dfa4b3b13dfbf5e8c82ba302",
            ),
        ] {
            let rate = Rate::parse(rate).unwrap();
            assert_eq!(rate.window(prefix, now), window);
            assert_eq!(rate.counter_key(prefix, now), key);
        }
    }
}
