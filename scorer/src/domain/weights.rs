//! What a stamp weighs (domain B.7 step 1 and its Decimal rules).

use std::borrow::Cow;

use super::{error::ScoringError, snapshot::Customization};
use crate::python::{Value, decimal::Decimal};

/// The weights of one scoring: the scorer's, overlaid by the community's customization.
#[derive(Debug, Clone)]
pub struct Weights<'a>(Cow<'a, Value>);

impl<'a> Weights<'a> {
    /// # Errors
    /// Weights that are no object cannot be overlaid, however empty the overlay.
    pub fn overlaid(
        weights: &'a Value,
        customization: Option<&Customization>,
    ) -> Result<Self, ScoringError> {
        let Some(customization) = customization else {
            return Ok(Weights(Cow::Borrowed(weights)));
        };
        let Value::Dict(weights) = weights else {
            return Err(not_object(weights, "update"));
        };
        let mut overlaid = weights.clone();
        for (name, weight) in &customization.weights {
            overlaid.insert(name.as_str(), weight.as_str());
        }
        Ok(Weights(Cow::Owned(Value::Dict(overlaid))))
    }

    /// The weight of a provider, exact; 0 for one that has none.
    ///
    /// # Errors
    /// Weights that are no object, or a weight that is no number, as Python words it.
    pub fn of(&self, provider: &str) -> Result<Decimal, ScoringError> {
        let Value::Dict(weights) = &*self.0 else {
            return Err(not_object(&self.0, "get"));
        };
        match weights.get(provider) {
            Some(weight) => Ok(Decimal::from_value(weight)?),
            None => Ok(Decimal::zero()),
        }
    }
}

fn not_object(weights: &Value, method: &'static str) -> ScoringError {
    ScoringError::WeightsNotObject {
        type_name: weights.type_name(),
        method,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::json;

    #[test]
    fn a_customization_overlays_and_later_entries_win() {
        let weights = json(r#"{"A": 1, "B": 2}"#);
        let overlay = Customization {
            weights: vec![
                ("B".into(), "2.5000".into()),
                ("C#1".into(), "0.1000".into()),
            ],
        };
        let weights = Weights::overlaid(&weights, Some(&overlay)).unwrap();
        let of = |provider| weights.of(provider).unwrap().to_string();
        assert_eq!(
            [of("A"), of("B"), of("C#1"), of("D")],
            ["1", "2.5000", "0.1000", "0"]
        );
    }

    #[test]
    fn missing_weights_fail_at_the_first_use() {
        let empty = Customization::default();
        let error = Weights::overlaid(&Value::None, Some(&empty)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'NoneType' object has no attribute 'update'"
        );
        let weights = Weights::overlaid(&Value::None, None).unwrap();
        let error = weights.of("A").unwrap_err();
        assert_eq!(
            error.to_string(),
            "'NoneType' object has no attribute 'get'"
        );
    }
}
