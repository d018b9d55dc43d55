//! `POST /internal/check-revocations` (contract §3.8).

use crate::{
    python::{Dict, PyStr, Value},
    store,
};

use super::{
    Call, body,
    error::Failure,
    response::Answer,
    validation::{Findings, Invalid, Step, step_into},
};

/// Proof values and stamps per request.
pub(super) const MAXIMUM_ITEMS: usize = 100;

pub(super) async fn check(call: &mut Call<'_>) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let payload = body::parse(call.request)?;
    let proof_values = validate(&payload).map_err(Failure::Invalid)?;
    if proof_values.len() > MAXIMUM_ITEMS {
        return Err(too_many_stamps());
    }
    let failed = || Failure::detail(500, "Failed to check revocations");
    let proof_values: Vec<&str> = proof_values
        .into_iter()
        .map(PyStr::as_str)
        .collect::<Option<_>>()
        .ok_or_else(failed)?;
    let pool = &call.service.databases().primary;
    let revoked = store::revocations::revoked_among(pool, &proof_values)
        .await
        .map_err(|_| failed())?;
    let answers = proof_values.iter().map(|proof_value| {
        Value::Dict(Dict::from([
            ("proof_value", Value::from(*proof_value)),
            ("is_revoked", Value::Bool(revoked.contains(*proof_value))),
        ]))
    });
    Ok(Answer::json(200, &Value::List(answers.collect())))
}

pub(super) fn too_many_stamps() -> Failure {
    Failure::detail(422, "You have submitted too many stamps.")
}

fn validate(payload: &Value) -> Result<Vec<&PyStr>, Vec<Invalid>> {
    let mut findings = Findings::default();
    let items = findings.list(payload, "proof_values", &body::PAYLOAD);
    let at = step_into(&body::PAYLOAD, "proof_values");
    let mut texts = Vec::new();
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        match item {
            Value::Str(text) => texts.push(text),
            _ => findings.push(Invalid::not_a_string(
                &[at.as_slice(), &[Step::Index(index)]].concat(),
            )),
        }
    }
    findings.into_result(texts)
}
