//! `GET /internal/embed/validate-api-key` (contract §3.4).

use crate::{
    auth::api_key::Flavour,
    python::{Dict, Value},
};

use super::{Call, error::Failure, response::Answer};

pub(super) async fn get(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let key = call.require_api_key(Flavour::Sync).await?;
    let limit = key
        .embed_rate_limit
        .as_deref()
        .map_or(Value::None, Value::from);
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([("embed_rate_limit", limit)])),
    ))
}
