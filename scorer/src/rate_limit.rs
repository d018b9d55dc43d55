//! How many calls a key may make, counted as the Python service counts (contract §4).

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use sha2::{Digest, Sha256};

use crate::python::{decimal_digit, int, text};

/// A limit: `count` calls per `period` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) count: u128,
    /// Seconds, at least 1.
    pub(crate) period: u128,
}

/// A rate that the Python service cannot use. The text is its exception's, for the analytics row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RateError {
    #[error("'NoneType' object has no attribute 'groups'")]
    NoMatch,
    /// A text with a dot is taken for the name of a function in a module to import.
    #[error("No module named {}", text::repr(&module.as_str().into()))]
    NoModule { module: String },
    #[error("Empty module name")]
    EmptyModule,
    #[error(
        "the 'package' argument is required to perform a relative import for {}",
        text::repr(&module.as_str().into())
    )]
    RelativeModule { module: String },
    #[error("Ratelimit period must be greater than 0")]
    ZeroPeriod,
}

impl Rate {
    /// Parses `count/[number][smhd]`, digits of any script; whatever follows is ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, RateError> {
        if let Some((module, _)) = text.rsplit_once('.') {
            return Err(RateError::of_module(module));
        }
        let (count, rest) = split_digits(text);
        let rest = rest.strip_prefix('/').ok_or(RateError::NoMatch)?;
        let count = number(count).ok_or(RateError::NoMatch)?;
        let (multiple, unit) = split_digits(rest);
        let seconds = match unit.chars().next() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => 1,
        };
        match number(multiple).unwrap_or(1).saturating_mul(seconds) {
            0 => Err(RateError::ZeroPeriod),
            period => Ok(Self { count, period }),
        }
    }

    /// Seconds that a counter lives.
    pub(crate) fn time_to_live(&self) -> u64 {
        u64::try_from(self.period)
            .unwrap_or(u64::MAX)
            .saturating_add(5)
    }

    /// End of the window that `now` lies in, Unix seconds. Windows of different keys are staggered.
    fn window(&self, prefix: &str, now: DateTime<Utc>) -> i128 {
        let now = i128::from(now.timestamp());
        let Ok(period) = i128::try_from(self.period) else {
            return now;
        };
        if period == 1 {
            return now;
        }
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

impl RateError {
    /// How the import of a module fails.
    fn of_module(module: &str) -> Self {
        match module.split('.').next() {
            _ if module.is_empty() => Self::EmptyModule,
            Some("") | None => Self::RelativeModule {
                module: module.to_owned(),
            },
            Some(package) => Self::NoModule {
                module: package.to_owned(),
            },
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|character| decimal_digit(character).is_none())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The number of a text that holds digits only; nothing for an empty one. The column is far too
/// short for numbers that do not fit.
fn number(digits: &str) -> Option<u128> {
    let number: BigInt = int::parse_int(digits)?;
    Some(u128::try_from(number).unwrap_or(u128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What django-ratelimit 4.1.0 answers (`tests/vectors/make.py rate`).
    #[test]
    fn rates_and_keys_are_those_of_the_python_library() {
        let vectors = include_str!("../tests/vectors/rate.tsv");
        let mut counts = [0, 0];
        for line in vectors.split('\n').filter(|line| !line.is_empty()) {
            let [input, outcome, expected] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                panic!("not a vector: {line}");
            };
            let (rate, prefix, now): (String, String, i64) = serde_json::from_str(input).unwrap();
            let now = DateTime::from_timestamp(now, 0).unwrap();
            let ours = match Rate::parse(&rate) {
                Ok(rate) => (
                    "ok",
                    format!("{} {}", rate.count, rate.counter_key(&prefix, now)),
                ),
                Err(error) => {
                    let quoted = crate::python::json::dumps(&error.to_string().as_str().into());
                    ("error", quoted[1..quoted.len() - 1].to_owned())
                }
            };
            assert_eq!(ours, (outcome, expected.to_owned()), "{input}");
            counts[usize::from(outcome == "error")] += 1;
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
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
