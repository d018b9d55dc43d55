//! `GET /internal/customization/credential/{provider_id}` (contract §3.10).

use crate::{
    python::{Dict, Value, json},
    store,
};

use super::{
    Call,
    error::{Failure, Uncaught},
    response::Answer,
};

pub(super) async fn credential(call: &mut Call<'_>, provider_id: &str) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    // Clients encode the hash sign twice (contract, quirk 48).
    let provider_id = provider_id.replace("%23", "#");
    let pool = &call.service.databases().primary;
    let definition = store::credential_definition::by_provider(pool, &provider_id)
        .await?
        .ok_or_else(|| Failure::detail(404, "Not Found"))?;
    let definition = json::loads_str(&definition)
        .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string())))?;
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([("ruleset", definition)])),
    ))
}
