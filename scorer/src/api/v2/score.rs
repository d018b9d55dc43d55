//! `GET /v2/stamps/{scorer_id}/score/{address}` (contract §3.1).

use num_bigint::{BigInt, Sign};

use crate::{
    api::{
        analytics,
        call::{Call, integer_parameter},
        error::Failure,
        query::Query,
        response::Answer,
    },
    auth::api_key::Flavour,
    domain::score_object::ScoreObject,
    python::{boolean::pydantic_bool_str, int, json},
    settings::V2HumanPoints,
    store::{
        CommunityRef,
        api_keys::ApiKey,
        failure::Cause,
        scoring::{Listing, ScoreRequest, Scored},
    },
};

pub(in crate::api) async fn get(
    call: &mut Call<'_>,
    scorer_id: &str,
    address: &str,
) -> Result<Answer, Failure> {
    let key = call.require_api_key(Flavour::Async).await?;
    let scorer_id = integer_parameter("path", "scorer_id", scorer_id)?;
    match score(call, &key, scorer_id, address).await {
        Ok(scored) => {
            call.effects.0.extend(scored.effects.0);
            Ok(Answer::json(200, &scored.score.to_value()))
        }
        Err(failure) => {
            analytics::store_failure(call, &key, &failure, false).await;
            Err(failure)
        }
    }
}

async fn score(
    call: &mut Call<'_>,
    key: &ApiKey,
    scorer_id: BigInt,
    address: &str,
) -> Result<Scored, Failure> {
    call.require_allowance(key).await?;
    let unknown = || Failure::detail(404, "No scorer matches the given criteria.");
    let id = effective_id(call, scorer_id).ok_or_else(unknown)?;
    let outcome = {
        let call: &Call<'_> = call;
        let extra = |score: &ScoreObject| {
            let response = json::dumps_compact(&score.to_value());
            let outcome = analytics::Outcome {
                status: 200,
                error: None,
                response: Some(&response),
                response_skipped: false,
            };
            analytics::row(call, key, outcome)
        };
        let request = ScoreRequest {
            community: CommunityRef::InAccount {
                account_id: key.account_id,
                id,
            },
            address,
            show_points: shows_points(call),
            listing: Listing::None,
            extra: Some(&extra),
        };
        call.service.engine().score(request, call.mode).await
    };
    outcome.map_err(|failure| match call.keep_effects(failure) {
        Cause::UnknownCommunity => unknown(),
        Cause::InvalidAddress => Failure::invalid_address(),
        cause @ (Cause::NothingToDelete | Cause::Exception(_) | Cause::Database(_)) => {
            tracing::error!(%cause, "a score could not be computed");
            Failure::detail(500, "Unexpected error while submitting passport")
        }
    })
}

/// Any negative id means the demo scorer; without one there is none (contract, quirk 35).
fn effective_id(call: &Call<'_>, scorer_id: BigInt) -> Option<BigInt> {
    if scorer_id.sign() != Sign::Minus {
        return Some(scorer_id);
    }
    let demo = call.service.settings().demo_api_scorer_id.as_deref()?;
    int::parse_int(demo)
}

fn shows_points(call: &Call<'_>) -> bool {
    match call.service.settings().v2_human_points {
        V2HumanPoints::Never => false,
        V2HumanPoints::Query => Query::parse(call.request.raw_query).is_ok_and(|query| {
            let asked = query.last("include_human_points");
            asked.and_then(pydantic_bool_str) == Some(true)
        }),
    }
}
