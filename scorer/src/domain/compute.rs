//! From stamps and weights to a score (domain B.7).

use std::cmp::Ordering;

use super::{error::ScoringError, validate::ValidStamp, weights::Weights};
use crate::python::{datetime::DateTime, decimal::Decimal};

/// A score with what it is made of.
#[derive(Debug, Clone)]
pub struct Computed<'a> {
    /// Sum of the weights, rounded to 28 digits at each addition.
    pub raw: Decimal,
    /// `raw >= threshold`, exact.
    pub passing: bool,
    pub stamps: Vec<ScoredStamp<'a>>,
    /// The earliest expiration of all stamps, weightless ones included.
    pub earliest: Option<DateTime>,
}

/// One counted stamp.
#[derive(Debug, Clone)]
pub struct ScoredStamp<'a> {
    /// The provider of the row, not of the credential.
    pub provider: &'a str,
    pub points: f64,
    pub expires: DateTime,
}

/// Adds up the weights of the stamps that survived deduplication.
///
/// `threshold` is a `numeric(10,5)` as text.
///
/// # Errors
/// Unusable weights, and sums that Python's decimal arithmetic refuses (NaN, `inf - inf`).
pub fn compute<'a>(
    stamps: &[ValidStamp<'a>],
    weights: &Weights<'_>,
    threshold: &str,
) -> Result<Computed<'a>, ScoringError> {
    let mut raw = Decimal::zero();
    let mut scored = Vec::with_capacity(stamps.len());
    let mut earliest: Option<DateTime> = None;
    for stamp in stamps {
        let weight = weights.of(&stamp.row.provider)?;
        raw = raw.add(&weight)?;
        scored.push(ScoredStamp {
            provider: &stamp.row.provider,
            points: weight.to_f64(),
            expires: stamp.expires,
        });
        if earliest.is_none_or(|earliest| stamp.expires.instant() < earliest.instant()) {
            earliest = Some(stamp.expires);
        }
    }
    let threshold = Decimal::parse(threshold)?;
    let passing = raw.compare(&threshold)? != Ordering::Less;
    Ok(Computed {
        passing,
        raw,
        stamps: scored,
        earliest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{json, valid, with_expiry};

    fn score(weights: &str, threshold: &str, providers: &[&str]) -> Result<(String, bool), String> {
        let rows: Vec<_> = providers
            .iter()
            .map(|provider| with_expiry(provider, "2030-01-01T00:00:00Z"))
            .collect();
        let stamps: Vec<_> = rows.iter().map(valid).collect();
        let weights = json(weights);
        let weights = Weights::overlaid(&weights, None).unwrap();
        compute(&stamps, &weights, threshold)
            .map(|computed| (computed.raw.to_string(), computed.passing))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sums_keep_text_zeros_and_round_to_28_digits() {
        for (weights, expected) in [
            (r#"{}"#, "0"),
            (r#"{"A": "1.0"}"#, "1.0"),
            (r#"{"A": "1.0", "B": 0.1}"#, "1.100000000000000005551115123"),
            (
                r#"{"A": 0.7, "B": 0.1, "C": 0.2}"#,
                "0.9999999999999999722444243844",
            ),
            (r#"{"A": "0.0000"}"#, "0.0000"),
            (r#"{"A": 5, "B": "3"}"#, "8"),
            (r#"{"A": 1e-7}"#, "9.999999999999999547481118259E-8"),
        ] {
            let (raw, _) = score(weights, "20.00000", &["A", "B", "C"]).unwrap();
            assert_eq!(raw, expected, "{weights}");
        }
    }

    #[test]
    fn the_comparison_is_exact() {
        let floats = r#"{"A": 0.7, "B": 0.1, "C": 0.2}"#;
        assert!(!score(floats, "1.00000", &["A", "B", "C"]).unwrap().1);
        let texts = r#"{"A": "0.7", "B": "0.1", "C": "0.2"}"#;
        assert!(score(texts, "1.00000", &["A", "B", "C"]).unwrap().1);
    }

    #[test]
    fn nan_is_refused_as_python_words_it() {
        for weights in [
            r#"{"A": "NaN"}"#,
            r#"{"A": "sNaN"}"#,
            r#"{"A": "Infinity", "B": "-Infinity"}"#,
        ] {
            let error = score(weights, "1.00000", &["A", "B"]).unwrap_err();
            assert_eq!(error, "[<class 'decimal.InvalidOperation'>]", "{weights}");
        }
    }

    #[test]
    fn a_weightless_stamp_still_sets_the_expiration() {
        let late = with_expiry("A", "2031-01-01T00:00:00Z");
        let early = with_expiry("B", "2030-01-01T01:00:00+01:00");
        let stamps = [valid(&late), valid(&early)];
        let weights = json(r#"{"A": 1}"#);
        let weights = Weights::overlaid(&weights, None).unwrap();
        let computed = compute(&stamps, &weights, "1.00000").unwrap();
        assert_eq!(
            computed.earliest.unwrap().isoformat(),
            "2030-01-01T01:00:00+01:00"
        );
    }
}
