//! `POST /internal/check-bans` (contract §3.7).

use std::collections::HashSet;

use crate::{
    domain::bans::{Ban, Credential, first_hit},
    python::{Dict, PyStr, Value, datetime::DateTime},
    store,
};

use super::{
    Call, body,
    error::Failure,
    response::Answer,
    validation::{Findings, Invalid, Step, step_into},
};

/// What a caller sends per credential. All three may be null.
struct Asked<'a> {
    hash: Option<&'a PyStr>,
    provider: Option<&'a PyStr>,
    id: Option<&'a PyStr>,
}

pub(super) async fn check(call: &mut Call<'_>) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let payload = body::parse(call.request)?;
    let asked = validate(&payload).map_err(Failure::Invalid)?;
    let id = single_subject(&asked)?;
    let failed = || Failure::detail(500, "Failed to check bans");

    let address = id.after_last(':');
    let address = address.as_str().ok_or_else(failed)?;
    let hashes: Vec<&str> = asked
        .iter()
        .map(|asked| asked.hash.and_then(PyStr::as_str))
        .collect::<Option<_>>()
        .ok_or_else(failed)?;
    let searched: Vec<&str> = hashes
        .iter()
        .copied()
        .filter(|hash| !hash.is_empty())
        .collect();
    let pool = &call.service.databases().primary;
    let now = call.service.clock().now();
    let bans = store::bans::candidates(pool, &searched, address, now)
        .await
        .map_err(|_| failed())?;
    // Whether or not they hit: Python reads them all.
    let is_readable = |ban: &Ban| {
        let end = ban.end_time.map(DateTime::from_utc);
        end.is_none_or(|end| end.is_ok())
    };
    if !bans.iter().all(is_readable) {
        return Err(failed());
    }

    let answers = hashes.iter().zip(&asked).map(|(hash, asked)| {
        let credential = Credential {
            hash,
            provider: asked.provider.and_then(PyStr::as_str),
            address,
        };
        describe(hash, first_hit(&bans, credential)).ok_or_else(failed)
    });
    let answers = answers.collect::<Result<_, _>>()?;
    Ok(Answer::json(200, &Value::List(answers)))
}

fn validate(payload: &Value) -> Result<Vec<Asked<'_>>, Vec<Invalid>> {
    let mut findings = Findings::default();
    let Value::List(items) = payload else {
        return Err(vec![Invalid::not_a_list(&body::PAYLOAD)]);
    };
    let mut asked = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = [body::PAYLOAD.as_slice(), &[Step::Index(index)]].concat();
        if let Some(subject) = findings.field(item, "credentialSubject", &at) {
            let at = step_into(&at, "credentialSubject");
            asked.push(Asked {
                hash: findings.nullable_text(subject, "hash", &at, true),
                provider: findings.nullable_text(subject, "provider", &at, true),
                id: findings.nullable_text(subject, "id", &at, true),
            });
        }
    }
    findings.into_result(asked)
}

/// The one subject of all credentials, compared as text: two spellings of an address are two.
fn single_subject<'a>(asked: &[Asked<'a>]) -> Result<&'a PyStr, Failure> {
    let subjects: HashSet<_> = asked.iter().map(|asked| asked.id).collect();
    if subjects.len() > 1 {
        return Err(Failure::detail(
            400,
            "All credentials must be issued to the same address",
        ));
    }
    match subjects.into_iter().next() {
        None => Err(Failure::detail(400, "Must provide valid credential(s)")),
        Some(None) => Err(Failure::quirk("the subject of the credentials is null")),
        Some(Some(id)) => Ok(id),
    }
}

/// The answer for one credential; nothing for an end that Python's `datetime` cannot hold.
fn describe(hash: &str, ban: Option<&Ban>) -> Option<Value> {
    let end_time = match ban.and_then(|ban| ban.end_time) {
        None => Value::None,
        Some(end) => Value::from(DateTime::from_utc(end).ok()?.iso_millis().as_str()),
    };
    let text = |text: Option<&String>| text.map_or(Value::None, |text| Value::from(text.as_str()));
    Some(Value::Dict(Dict::from([
        ("hash", Value::from(hash)),
        ("is_banned", Value::Bool(ban.is_some())),
        ("end_time", end_time),
        ("ban_type", text(ban.map(|ban| &ban.kind))),
        ("reason", text(ban.and_then(|ban| ban.reason.as_ref()))),
    ])))
}
