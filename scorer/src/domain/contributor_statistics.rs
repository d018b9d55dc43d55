//! How contributions add up (contract §3.13, domain E.5). No database.

use crate::python::decimal::{Decimal, DecimalError};

/// The two numbers of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) grants: f64,
    pub(crate) amount: f64,
}

/// Adds the grants and the protocol's projects. Sums are decimal text, absent without rows.
///
/// # Errors
/// A sum too long for Python's 28 digits cannot be rounded.
pub(crate) fn add(
    (grants, grant_sum): (i64, Option<&str>),
    (projects, project_sum): (i64, Option<&str>),
) -> Result<Statistics, DecimalError> {
    let parse = |sum: Option<&str>| sum.map_or(Ok(Decimal::zero()), Decimal::parse);
    let protocol = parse(project_sum)?.round(3)?;
    let amount = parse(grant_sum)?.add(&protocol)?.round(2)?;
    Ok(Statistics {
        grants: (grants + projects) as f64,
        amount: amount.to_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(grants: &str, projects: &str) -> Option<f64> {
        let sums = add((1, Some(grants)), (2, Some(projects)));
        sums.ok().map(|statistics| statistics.amount)
    }

    #[test]
    fn projects_round_to_three_places_and_the_total_to_two() {
        for (projects, total) in [
            ("1.0045", 1.0),
            ("1.0055", 1.01),
            ("1.015", 1.02),
            ("1.025", 1.02),
        ] {
            assert_eq!(amount("0", projects), Some(total), "{projects}");
        }
        assert_eq!(amount("0.005", "0"), Some(0.0));
    }

    #[test]
    fn nothing_given_is_zero() {
        let none = add((0, None), (0, None)).unwrap();
        assert_eq!((none.grants, none.amount), (0.0, 0.0));
    }

    #[test]
    fn a_total_of_more_than_28_digits_is_an_error() {
        assert_eq!(amount("123456789012345678901234567890.1", "1.5"), None);
    }
}
