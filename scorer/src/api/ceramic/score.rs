//! `GET` and `POST /ceramic-cache/score/{address}` (contract §3.15, domain D.6).

use num_bigint::{BigInt, Sign};

use crate::{
    api::{
        body,
        call::{Call, integer_parameter},
        error::Failure,
        query::Query,
        response::Answer,
        validation::{Findings, Invalid, step_into},
    },
    python::{Value, int},
    store::{
        CommunityRef,
        failure::Cause,
        scoring::{Listing, ScoreRequest},
    },
};

use super::{default_scorer, refused};

/// The stored score, or a new one where it is missing or expired. Any valid token will do.
pub(in crate::api) async fn get(call: &mut Call<'_>, address: &str) -> Result<Answer, Failure> {
    call.require_access_token()?;
    let query = Query::parse(call.request.raw_query)?;
    let alternate = query
        .last("alternate_scorer_id")
        .map(|text| integer_parameter("query", "alternate_scorer_id", text))
        .transpose()?;
    let unable = || Failure::detail(400, "Unable to get score for provided scorer.");
    let scorer = alternate
        .filter(|id| id.sign() != Sign::NoSign)
        .or_else(|| default_scorer(call));
    // An address that is none is told before a default scorer that is none.
    let address =
        crate::domain::address::normalise(address).ok_or_else(Failure::invalid_address)?;
    let scorer = scorer.ok_or_else(unable)?;
    let engine = call.service.engine();
    let outcome = engine.stored_or_score(&scorer, &address, call.mode).await;
    let scored = outcome.map_err(|failure| match call.keep_effects(failure) {
        Cause::UnknownCommunity => Failure::detail(
            404,
            "Community matching the configured scorer id does not exist! \
             This is probably a misconfiguration!",
        ),
        Cause::InvalidAddress => Failure::invalid_address(),
        cause @ (Cause::NothingToDelete | Cause::Exception(_) | Cause::Database(_)) => {
            tracing::warn!(%cause, "a stored score could not be shown");
            unable()
        }
    })?;
    call.effects.0.extend(scored.effects.0);
    Ok(Answer::json(200, &scored.score.to_value()))
}

/// A new score in the community of the body.
pub(in crate::api) async fn post(call: &mut Call<'_>, address: &str) -> Result<Answer, Failure> {
    call.require_access_token()?;
    let payload = body::parse(call.request)?;
    let scorer = validate(&payload)
        .map_err(Failure::Invalid)?
        .filter(|id| id.sign() != Sign::NoSign)
        .ok_or_else(|| Failure::detail(500, "Scorer ID not set"))?;
    let request = ScoreRequest {
        community: CommunityRef::Via(scorer),
        address,
        show_points: true,
        listing: Listing::None,
        extra: None,
    };
    let outcome = call.service.engine().score(request, call.mode).await;
    let scored = outcome.map_err(|failure| refused(call.keep_effects(failure)))?;
    call.effects.0.extend(scored.effects.0);
    Ok(Answer::json(200, &scored.score.to_value()))
}

fn validate(payload: &Value) -> Result<Option<BigInt>, Vec<Invalid>> {
    let mut findings = Findings::default();
    let id = match findings.field(payload, "alternate_scorer_id", &body::PAYLOAD) {
        None | Some(Value::None) => None,
        Some(value) => match int::pydantic_int(value) {
            Ok(id) => Some(id),
            Err(error) => {
                let at = step_into(&body::PAYLOAD, "alternate_scorer_id");
                findings.push(Invalid::not_an_integer(&at, error));
                None
            }
        },
    };
    findings.into_result(id)
}
