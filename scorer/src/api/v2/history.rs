//! `GET /v2/stamps/{scorer_id}/score/{address}/history` (domain E.8).

use num_bigint::{BigInt, Sign};

use crate::{
    api::{
        analytics,
        call::{Call, integer_parameter},
        error::{Failure, Uncaught},
        query::Query,
        response::Answer,
    },
    auth::api_key::Flavour,
    domain::history::score_of_event,
    python::{Value, datetime, int},
    store::{
        api_keys::ApiKey,
        history::{self, Newest},
    },
};

pub(in crate::api) async fn get(
    call: &mut Call<'_>,
    scorer_id: &str,
    address: &str,
) -> Result<Answer, Failure> {
    let key = call.require_api_key(Flavour::Sync).await?;
    let query = Query::parse(call.request.raw_query)?;
    let scorer_id = integer_parameter("path", "scorer_id", scorer_id)?;
    let created_at = query.last("created_at").unwrap_or_default();
    match event(call, &key, scorer_id, address, created_at).await {
        Ok(event) => {
            // The row is written before the answer is put together, which may still fail.
            analytics::store_success(call, &key).await;
            let score = score_of_event(address, &event)
                .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string())))?;
            Ok(Answer::json(200, &score.to_value()))
        }
        Err(failure) => {
            analytics::store_failure(call, &key, &failure, true).await;
            Err(failure)
        }
    }
}

/// The newest event not after `created_at`; what is no date there means the newest of all.
async fn event(
    call: &mut Call<'_>,
    key: &ApiKey,
    scorer_id: BigInt,
    address: &str,
    created_at: &str,
) -> Result<Value, Failure> {
    if !key.historical_endpoint {
        return Err(Failure::detail(403, "Invalid permissions for action."));
    }
    call.require_allowance(key).await?;
    if created_at.is_empty() {
        return Err(Failure::detail(
            400,
            "You must provide created_at as a query param.",
        ));
    }
    let unknown = || Failure::detail(404, "No Community matches the given query.");
    let scorer_id = match scorer_id.sign() {
        Sign::Minus => {
            let demo = call.service.settings().demo_api_scorer_id.as_deref();
            demo.and_then(int::parse_int).ok_or_else(unknown)?
        }
        Sign::NoSign | Sign::Plus => scorer_id,
    };
    let until = datetime::parse_model_datetime(&Value::from(created_at)).unwrap_or_default();
    let pool = &call.service.databases().read;
    match history::newest(pool, key.account_id, &scorer_id, address, until).await? {
        Newest::UnknownCommunity => Err(unknown()),
        Newest::NoEvent => Err(Failure::WithAddress {
            detail: format!("No Score Found for {address} at {created_at}"),
            address: address.to_owned(),
        }),
        Newest::Event(event) => Ok(event),
    }
}
