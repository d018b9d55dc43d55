//! `GET /internal/embed/weights` and `GET /ceramic-cache/weights` (contract §3.6, §5).

use crate::{
    cache::{CacheValue, CacheWrite},
    python::{Dict, Value, int, json},
    store::weights::{self, Weights},
};

use super::{
    Call,
    error::{Failure, Uncaught},
    query::Query,
    response::Answer,
};

/// Seconds that weights are served without another look at the database.
const TIME_TO_LIVE: u64 = 60;

/// Weights of the community in `community_id`, by default the configured one.
pub(super) async fn of_requested(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let query = Query::parse(call.request.raw_query)?;
    let id = query.last("community_id").filter(|id| !id.is_empty());
    let default = call.service.settings().ceramic_cache_scorer_id.clone();
    answer(call, id.unwrap_or(&default)).await
}

/// Weights of the configured community.
pub(super) async fn of_default(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let default = call.service.settings().ceramic_cache_scorer_id.clone();
    answer(call, &default).await
}

async fn answer(call: &mut Call<'_>, id: &str) -> Result<Answer, Failure> {
    // Every spelling of an id has an entry of its own (contract, quirk 45).
    let key = format!(":1:ceramic_cache_scorer_weights_{id}");
    let cache = call.service.cache();
    let cached = cache.text(&key).await?.filter(|text| !text.is_empty());
    let weights = match cached.and_then(|text| json::loads_str(&text).ok()) {
        Some(weights) => weights,
        None => {
            let weights = load(call, id).await?;
            let text = json::dumps(&weights);
            if call.mode.writes() {
                cache.set_text(&key, &text, TIME_TO_LIVE).await?;
            }
            call.cache_writes.push(CacheWrite {
                key,
                value: CacheValue::Text(text),
                time_to_live: TIME_TO_LIVE,
            });
            weights
        }
    };
    let floats = to_floats(&weights).ok_or_else(|| Failure::quirk("weights are no numbers"))?;
    Ok(Answer::json(200, &floats))
}

/// # Errors
/// The message names the configured id, whatever was asked for (contract, quirk 43).
async fn load(call: &Call<'_>, id: &str) -> Result<Value, Failure> {
    let unknown = || {
        let configured = &call.service.settings().ceramic_cache_scorer_id;
        Failure::detail(
            500,
            format!(
                "Unable to retrieve configured scorer! settings.CERAMIC_CACHE_SCORER_ID={configured}"
            ),
        )
    };
    let id = int::parse_int(id).ok_or_else(unknown)?;
    let id = i64::try_from(&id).map_err(|_| unknown())?;
    match weights::of_community(&call.service.databases().primary, id).await {
        Ok(Weights::Found(text)) => json::loads_str(&text)
            .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string()))),
        Ok(Weights::NoScorer) | Err(_) => Err(unknown()),
    }
}

/// Weights as an object of floats; nothing if one is no number.
fn to_floats(weights: &Value) -> Option<Value> {
    let weights = weights.as_dict()?;
    let floats = weights
        .iter()
        .map(|(provider, weight)| Some((provider.clone(), Value::Float(to_float(weight)?))));
    Some(Value::Dict(floats.collect::<Option<Dict>>()?))
}

/// A number as pydantic reads it: texts and booleans are numbers too.
fn to_float(weight: &Value) -> Option<f64> {
    match weight {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Int(number) => {
            let float: f64 = number.to_string().parse().ok()?;
            float.is_finite().then_some(float)
        }
        Value::Float(number) => Some(*number),
        Value::Str(text) => text_to_float(text.as_str()?),
        Value::None | Value::List(_) | Value::Dict(_) => None,
    }
}

/// Text with underscores must not have white space around it: one of pydantic's slips.
fn text_to_float(text: &str) -> Option<f64> {
    let underscores_are_fine =
        !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    text.trim().parse().ok().or_else(|| {
        underscores_are_fine
            .then(|| text.replace('_', "").parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::text::float_repr;

    #[test]
    fn underscores_and_white_space_exclude_each_other() {
        // Each asked of pydantic 2.10.3.
        for (text, expected) in [
            ("1_0", Some(10.0)),
            (" 10 ", Some(10.0)),
            (" 1_0", None),
            ("1_0\n", None),
        ] {
            assert_eq!(text_to_float(text), expected, "{text:?}");
        }
    }

    /// What pydantic 2.10.3 answers (`tests/vectors/make.py pydantic_float`).
    #[test]
    fn weights_are_the_floats_of_pydantic() {
        let vectors = include_str!("../../tests/vectors/pydantic_float.tsv");
        let mut counts = [0, 0];
        for line in vectors.split('\n').filter(|line| !line.is_empty()) {
            let [input, outcome, expected] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                panic!("not a vector: {line}");
            };
            let weight = json::loads(input.as_bytes()).unwrap();
            let expected = (outcome == "ok").then_some(expected.to_owned());
            assert_eq!(to_float(&weight).map(float_repr), expected, "{input}");
            counts[usize::from(outcome == "error")] += 1;
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    }
}
