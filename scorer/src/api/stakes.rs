//! `GET /internal/stake/gtc/{address}` and `…/legacy-gtc/{address}/{round_id}` (contract §3.11, §3.12).

use chrono::Utc;
use num_bigint::BigInt;

use crate::{
    python::{Dict, Value, datetime::DateTime, decimal::Decimal, int},
    store::stakes::{self, LegacyEvent, Stake},
};

use super::{Call, address, error::Failure, response::Answer};

/// Round ids above this fail: 1e50 as a double.
const LARGEST_ROUND: &str = "100000000000000007629769841091887003294964970946560";

fn failed() -> Failure {
    Failure::detail(400, "Error pulling GTC staking data")
}

pub(super) async fn current(call: &mut Call<'_>, address: &str) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let address = address::checksummed(address)?;
    let pool = &call.service.databases().read;
    let stakes = stakes::current(pool, &address)
        .await
        .map_err(|_| failed())?;
    let items: Option<_> = stakes.iter().map(describe).collect();
    let items = Value::List(items.ok_or_else(failed)?);
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([("items", items)])),
    ))
}

/// One stake; nothing for what the Python service cannot convert: NaN, years beyond 9999.
fn describe(stake: &Stake) -> Option<Value> {
    let block = int::parse_int(&stake.last_updated_in_block)?;
    if stake.amount == "NaN" {
        return None;
    }
    let time = |instant: chrono::DateTime<Utc>| {
        let text = DateTime::from_utc(instant).ok()?.isoformat();
        Some(Value::from(text.as_str()))
    };
    Some(Value::Dict(Dict::from([
        ("chain", Value::Int(stake.chain.into())),
        ("staker", Value::from(stake.staker.as_str())),
        ("stakee", Value::from(stake.stakee.as_str())),
        ("amount", Value::from(stake.amount.as_str())),
        ("unlock_time", time(stake.unlock_time)?),
        ("lock_time", time(stake.lock_time)?),
        ("last_updated_in_block", Value::Int(block)),
    ])))
}

pub(super) async fn legacy(
    call: &mut Call<'_>,
    address: &str,
    round_id: &str,
) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let address = address::lowered(address)?;
    let round_id = int::parse_int(round_id).ok_or_else(failed)?;
    if int::parse_int(LARGEST_ROUND).is_some_and(|largest| round_id > largest) {
        return Err(failed());
    }
    let events = match i32::try_from(&round_id) {
        Ok(round_id) => stakes::legacy(&call.service.databases().read, &address, round_id)
            .await
            .map_err(|_| failed())?,
        // No row can have it.
        Err(_) => Vec::new(),
    };
    let results: Option<_> = events.iter().map(describe_legacy).collect();
    let results = Value::List(results.ok_or_else(failed)?);
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([("results", results)])),
    ))
}

fn describe_legacy(event: &LegacyEvent) -> Option<Value> {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::from);
    // Python's str(Decimal): small amounts have an exponent (contract, quirk 49).
    let amount = Decimal::parse(&event.amount).ok()?.to_string();
    Some(Value::Dict(Dict::from([
        ("id", Value::Int(BigInt::from(event.id))),
        ("event_type", Value::from(event.event_type.as_str())),
        ("round_id", Value::Int(event.round_id.into())),
        ("staker", text(&event.staker)),
        ("address", text(&event.address)),
        ("amount", Value::from(amount.as_str())),
        ("staked", Value::Bool(event.staked)),
        ("block_number", Value::Int(event.block_number.into())),
        ("tx_hash", Value::from(event.tx_hash.as_str())),
    ])))
}
