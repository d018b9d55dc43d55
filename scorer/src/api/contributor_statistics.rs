//! `GET /internal/cgrants/contributor_statistics?address=` (contract §3.13).

use crate::{
    domain::contributor_statistics,
    python::{Dict, Value},
    store,
};

use super::{
    Call, address,
    error::{Failure, Uncaught},
    query::Query,
    response::Answer,
    validation::{Invalid, Step},
};

pub(super) async fn get(call: &mut Call<'_>) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let query = Query::parse(call.request.raw_query)?;
    let address = required_address(&query)?;
    let address = address::checksummed(address)?;
    let pool = &call.service.databases().primary;
    let found = store::contributor_statistics::of(pool, &address).await?;
    let statistics = contributor_statistics::add(
        (found.grants, found.grant_sum.as_deref()),
        (found.projects, found.project_sum.as_deref()),
    )
    .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string())))?;
    // Python gives the two keys in an order that changes with every process.
    Ok(Answer::json_without_charset(&Value::Dict(Dict::from([
        ("num_grants_contribute_to", Value::Float(statistics.grants)),
        ("total_contribution_amount", Value::Float(statistics.amount)),
    ]))))
}

/// The `address` parameter, which must be there.
pub(super) fn required_address(query: &Query) -> Result<&str, Failure> {
    query.last("address").ok_or_else(|| {
        let at = [Step::Key("query"), Step::Key("address")];
        Failure::Invalid(vec![Invalid::missing(&at)])
    })
}
