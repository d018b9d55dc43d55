//! `/ceramic-cache/…`: what the Passport app uses (contract §3.14, §3.15; domain D.1 to D.6).

pub(super) mod bulk;
pub(super) mod score;

use num_bigint::BigInt;

use crate::{
    python::{Dict, Value, int},
    store::failure::Cause,
};

use super::{
    call::Call, contributor_statistics::required_address, embed::listed, error::Failure,
    query::Query, response::Answer,
};

/// The configured community as a number, if it is one.
fn default_scorer(call: &Call<'_>) -> Option<BigInt> {
    int::parse_int(&call.service.settings().ceramic_cache_scorer_id)
}

/// `GET /ceramic-cache/stamp?address=`: no authentication, and the first call scores (domain D.5).
pub(super) async fn stamps(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let query = Query::parse(call.request.raw_query)?;
    let address = required_address(&query)?;
    let scorer = default_scorer(call).ok_or_else(|| Failure::quirk("no default scorer"))?;
    let engine = call.service.engine();
    let outcome = engine.stamps_scored_once(&scorer, address, call.mode).await;
    let (stamps, effects) = outcome.map_err(|failure| refused(call.keep_effects(failure)))?;
    call.effects.0.extend(effects.0);
    Ok(stamps_only(listed(&stamps)))
}

/// `{"success", "stamps"}`
fn stamps_only(stamps: Value) -> Answer {
    Answer::json(
        200,
        &Value::Dict(Dict::from([
            ("success", Value::Bool(true)),
            ("stamps", stamps),
        ])),
    )
}

/// How the endpoints that write or list stamps fail.
fn refused(cause: Cause) -> Failure {
    match cause {
        Cause::UnknownCommunity => Failure::detail(404, "Not Found"),
        Cause::NothingToDelete => Failure::detail(404, "Unable to find stamp to delete."),
        cause => Failure::from(cause),
    }
}
