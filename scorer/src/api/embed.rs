//! `/internal/embed/score/…` and `/internal/embed/stamps/…` (contract §3.2, §3.3).

use num_bigint::BigInt;

use crate::{
    domain::{address, stamp_write::StampItem},
    python::{Dict, Value, int},
    store::{
        CommunityRef,
        failure::Cause,
        scoring::{Listing, ScoreRequest, Scored},
        stamps::{ListedStamp, StampWrite, WriteKind},
    },
};

use super::{
    body,
    call::{Call, integer_in_path},
    error::Failure,
    response::Answer,
    revocations::{MAXIMUM_ITEMS, too_many_stamps},
    validation::{Findings, Invalid, step_into},
};

/// `source_app` of stamps that came through embed.
const SOURCE_APP: i32 = 2;

pub(super) async fn score(
    call: &mut Call<'_>,
    scorer_id: &str,
    address: &str,
) -> Result<Answer, Failure> {
    let request = ScoreRequest {
        community: CommunityRef::Via(integer_in_path(scorer_id)?),
        address,
        show_points: false,
        listing: Listing::AfterScoring,
        extra: None,
    };
    let outcome = call.service.engine().score(request, call.mode).await;
    let scored = outcome.map_err(|failure| match call.keep_effects(failure) {
        Cause::UnknownCommunity => Failure::detail(400, "Invalid scorer_id"),
        cause => Failure::from(cause),
    })?;
    Ok(answer(call, 200, scored))
}

pub(super) async fn stamps(call: &mut Call<'_>, address: &str) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let payload = body::parse(call.request)?;
    let (scorer_id, stamps) = validate(&payload).map_err(Failure::Invalid)?;
    let address = address::normalise(address).ok_or_else(Failure::invalid_address)?;
    let items: Option<Vec<_>> = stamps.iter().map(item).collect();
    let items = items.ok_or_else(|| Failure::quirk("a stamp without a provider"))?;
    if items.len() > MAXIMUM_ITEMS {
        return Err(too_many_stamps());
    }
    let request = ScoreRequest {
        community: CommunityRef::Via(scorer_id.clone()),
        address: &address,
        show_points: false,
        listing: Listing::BeforeScoring,
        extra: None,
    };
    let write = StampWrite {
        address: address.clone(),
        items,
        kind: WriteKind::Replace {
            source_app: SOURCE_APP,
            source_scorer_id: Some(scorer_id),
        },
    };
    let engine = call.service.engine();
    let outcome = engine.write_stamps(write, request, call.mode).await;
    let scored = outcome.map_err(|failure| match call.keep_effects(failure) {
        Cause::UnknownCommunity => Failure::quirk("stamps were stored for an unknown scorer"),
        cause => Failure::from(cause),
    })?;
    Ok(answer(call, 200, scored))
}

fn validate(payload: &Value) -> Result<(BigInt, &[Value]), Vec<Invalid>> {
    let mut findings = Findings::default();
    let scorer_id = findings
        .field(payload, "scorer_id", &body::PAYLOAD)
        .and_then(|value| match int::pydantic_int(value) {
            Ok(id) => Some(id),
            Err(error) => {
                let at = step_into(&body::PAYLOAD, "scorer_id");
                findings.push(Invalid::not_an_integer(&at, error));
                None
            }
        });
    let stamps = findings.list(payload, "stamps", &body::PAYLOAD);
    findings.into_result((scorer_id.unwrap_or_default(), stamps.unwrap_or_default()))
}

/// A stamp under the provider that its credential names.
fn item(stamp: &Value) -> Option<StampItem> {
    let provider = stamp.get("credentialSubject")?.get("provider")?;
    Some(StampItem {
        provider: provider.as_py_str()?.clone(),
        stamp: stamp.clone(),
    })
}

/// `{"success", "stamps", "score"}`
pub(super) fn answer(call: &mut Call<'_>, status: u16, scored: Scored) -> Answer {
    call.effects.0.extend(scored.effects.0);
    Answer::json(
        status,
        &Value::Dict(Dict::from([
            ("success", Value::Bool(true)),
            ("stamps", listed(&scored.stamps)),
            ("score", scored.score.to_value()),
        ])),
    )
}

pub(super) fn listed(stamps: &[ListedStamp]) -> Value {
    Value::List(stamps.iter().map(ListedStamp::to_value).collect())
}
