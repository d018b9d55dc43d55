//! `POST`, `PATCH` and `DELETE /ceramic-cache/stamps/bulk` (contract §3.14, domain D.1 to D.3).

use crate::{
    api::{
        body,
        call::Call,
        embed::{answer, listed},
        error::Failure,
        response::Answer,
        revocations::{MAXIMUM_ITEMS, too_many_stamps},
        validation::{Findings, Invalid, Step},
    },
    domain::stamp_write::StampItem,
    python::Value,
    store::{
        CommunityRef,
        failure::Cause,
        scoring::{Listing, ScoreRequest, Scored},
        stamps::{StampWrite, WriteKind},
    },
};

use super::{default_scorer, refused, stamps_only};

/// `source_app` of stamps that came from the Passport app.
const SOURCE_APP: i32 = 1;

/// Why a bulk write failed, before it is put into words.
enum Refusal {
    Failure(Failure),
    Cause(Cause),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

pub(in crate::api) async fn post(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let caller = call.require_access_token()?;
    let items = items(&body::parse(call.request)?, true)?;
    let address = storable_address(caller.address()?)?;
    let kind = WriteKind::Replace {
        source_app: SOURCE_APP,
        source_scorer_id: default_scorer(call),
    };
    match write(call, &address, items, kind).await {
        Ok(scored) => Ok(answer(call, 201, scored)),
        Err(Refusal::Failure(failure)) => Err(failure),
        Err(Refusal::Cause(cause)) => Err(refused(cause)),
    }
}

/// Every exception becomes the same answer here (contract, quirk H34 of the domain).
pub(in crate::api) async fn patch(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let caller = call.require_access_token()?;
    let items = items(&body::parse(call.request)?, true)?;
    let failed = || Failure::detail(500, "An internal server error has occurred.");
    let address = caller
        .address()
        .and_then(storable_address)
        .map_err(|_| failed())?;
    match write(call, &address, items, WriteKind::Patch).await {
        Ok(scored) => Ok(answer(call, 200, scored)),
        Err(_) => Err(failed()),
    }
}

pub(in crate::api) async fn delete(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let caller = call.require_access_token()?;
    let items = items(&body::parse(call.request)?, false)?;
    let address = caller.address()?;
    if items.is_empty() {
        // Django asks no database for one of no providers: no address is too odd.
        return Err(refused(Cause::NothingToDelete));
    }
    let address = storable_address(address)?;
    match write(call, &address, items, WriteKind::Delete).await {
        Ok(scored) => {
            let stamps = listed(&scored.stamps);
            call.effects.0.extend(scored.effects.0);
            Ok(stamps_only(stamps))
        }
        Err(Refusal::Failure(failure)) => Err(failure),
        Err(Refusal::Cause(cause)) => Err(refused(cause)),
    }
}

async fn write(
    call: &mut Call<'_>,
    address: &str,
    items: Vec<StampItem>,
    kind: WriteKind,
) -> Result<Scored, Refusal> {
    if items.len() > MAXIMUM_ITEMS {
        return Err(too_many_stamps().into());
    }
    let scorer = default_scorer(call);
    let nothing_to_store = items.is_empty();
    let request = ScoreRequest {
        // Without a default scorer the insert fails; there is nothing to insert only in `[]`.
        community: CommunityRef::Via(scorer.clone().unwrap_or_default()),
        address,
        show_points: true,
        listing: Listing::BeforeScoring,
        extra: None,
    };
    if scorer.is_none() && nothing_to_store && !matches!(kind, WriteKind::Delete) {
        let configured = &call.service.settings().ceramic_cache_scorer_id;
        return Err(match configured.is_empty() {
            true => Failure::detail(500, "Scorer ID not set").into(),
            false => Failure::quirk("the default scorer is no number").into(),
        });
    }
    let write = StampWrite {
        address: address.to_owned(),
        items,
        kind,
    };
    let engine = call.service.engine();
    let outcome = engine.write_stamps(write, request, call.mode).await;
    outcome.map_err(|failure| Refusal::Cause(call.keep_effects(failure)))
}

/// # Errors
/// 422 with everything that is wrong with the items.
fn items(payload: &Value, with_stamps: bool) -> Result<Vec<StampItem>, Failure> {
    let Value::List(values) = payload else {
        return Err(Failure::Invalid(vec![Invalid::not_a_list(&body::PAYLOAD)]));
    };
    let mut findings = Findings::default();
    let mut items = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let at = [body::PAYLOAD.as_slice(), &[Step::Index(index)]].concat();
        if with_stamps {
            // Checked and then ignored: the token names the address.
            findings.nullable_text(value, "address", &at, false);
        }
        if let Some(provider) = findings.text(value, "provider", &at) {
            items.push(StampItem {
                provider: provider.clone(),
                stamp: value.get("stamp").cloned().unwrap_or(Value::None),
            });
        }
    }
    findings.into_result(items).map_err(Failure::Invalid)
}

fn storable_address(address: String) -> Result<String, Failure> {
    if address.contains('\0') {
        return Err(Failure::quirk(
            "an address with a character no column takes",
        ));
    }
    Ok(address)
}
