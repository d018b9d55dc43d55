//! `GET /internal/allow-list/{list}/{address}` (contract §3.9).

use crate::{
    python::{Dict, Value},
    store,
};

use super::{Call, error::Failure, response::Answer};

pub(super) async fn get(call: &mut Call<'_>, list: &str, address: &str) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let pool = &call.service.databases().primary;
    let is_member = store::allow_list::is_member(pool, list, &address.to_lowercase()).await?;
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([("is_member", Value::Bool(is_member))])),
    ))
}
