//! `GET /internal/score/v2/{scorer_id}/{address}` (contract §3.5).

use crate::store::{
    CommunityRef,
    failure::Cause,
    scoring::{Listing, ScoreRequest},
};

use super::{
    call::{Call, integer_in_path},
    error::Failure,
    response::Answer,
};

pub(super) async fn get(
    call: &mut Call<'_>,
    scorer_id: &str,
    address: &str,
) -> Result<Answer, Failure> {
    call.require_internal_token()?;
    let request = ScoreRequest {
        // External ids do not count here (contract, quirk 34).
        community: CommunityRef::Id(integer_in_path(scorer_id)?),
        address,
        show_points: false,
        listing: Listing::None,
        extra: None,
    };
    let outcome = call.service.engine().score(request, call.mode).await;
    let scored = outcome.map_err(|failure| match call.keep_effects(failure) {
        Cause::UnknownCommunity => Failure::detail(404, "No Community matches the given query."),
        cause => Failure::from(cause),
    })?;
    call.effects.0.extend(scored.effects.0);
    if scored.score.error.is_some() {
        return Err(Failure::detail(500, "Failed to calculate score."));
    }
    Ok(Answer::json(200, &scored.score.to_value()))
}
