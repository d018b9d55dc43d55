//! The HTTP surface of the Python service (contract §1): routing, and a file per endpoint family.

mod address;
mod allow_list;
mod analytics;
mod bans;
pub(crate) mod body;
mod call;
mod ceramic;
mod contributor_statistics;
mod cookies;
mod cors;
mod customization;
mod embed;
pub(crate) mod error;
mod gate;
mod host;
mod internal_score;
mod pages;
mod query;
pub(crate) mod request;
mod response;
mod revocations;
pub(crate) mod route;
mod stakes;
mod v2;
mod validate_api_key;
mod validation;
mod weights;

use crate::{
    effects::Effects,
    message::{self, Mode, Reply},
    service::Service,
};

use call::Call;
use cookies::Cookies;
use cors::Cors;
use error::Failure;
use pages::Page;
use request::Incoming;
use response::{Answer, Surroundings};
use route::Route;

/// Name of what is no endpoint.
const UNROUTED: &str = "other-route";

/// Answers a request as the Python service would.
pub(crate) async fn answer(service: &Service, request: &message::Request, mode: Mode) -> Reply {
    let incoming = Incoming::new(request);
    let around = Surroundings {
        cors: Cors::of(&incoming),
        // Methods match in any case, but this is the HTTP server's business, which is exact.
        is_head: request.method == "HEAD",
        vary_by_cookie: service.settings().vary_by_cookie,
    };
    let mut call = Call {
        service,
        request: &incoming,
        mode,
        effects: Effects::default(),
        cache_writes: Vec::new(),
    };
    let (route, answer) = match gate::check(&incoming, service.settings()) {
        Some(answer) => (UNROUTED, answer),
        None => route_and_answer(&mut call).await,
    };
    let cookies = Cookies::of(&incoming, service, answer.has_reached_the_views()).await;
    Reply {
        route,
        effects: std::mem::take(&mut call.effects),
        cache: std::mem::take(&mut call.cache_writes),
        response: answer.with_cookies(cookies).into_response(around),
    }
}

/// The 500 page, for a failure outside every handler.
pub(crate) fn server_error(service: &Service) -> message::Response {
    Answer::page(Page::ServerError).into_response(Surroundings {
        cors: Cors::Varies,
        is_head: false,
        vary_by_cookie: service.settings().vary_by_cookie,
    })
}

async fn route_and_answer(call: &mut Call<'_>) -> (&'static str, Answer) {
    let request = call.request;
    let Some(route) = Route::resolve(&request.path, call.service.settings().v2_api) else {
        return (UNROUTED, Answer::page(Page::NotFound));
    };
    let methods = route.methods();
    let answer = if !methods.is_empty() && !methods.contains(&request.method.as_str()) {
        Answer::method_not_allowed(methods)
    } else {
        dispatch(call, route).await.unwrap_or_else(Answer::from)
    };
    (route.name(), answer)
}

async fn dispatch(call: &mut Call<'_>, route: Route<'_>) -> Result<Answer, Failure> {
    match route {
        Route::Root | Route::Health | Route::InternalRoot => Ok(plain_view(call.request, route)),
        Route::MissingSlash => Ok(gate::append_slash(call.request)),
        Route::V2Score { scorer_id, address } => v2::score::get(call, scorer_id, address).await,
        Route::V2History { scorer_id, address } => v2::history::get(call, scorer_id, address).await,
        Route::V2Stamps { address } => v2::stamps::list(call, address).await,
        Route::EmbedScore { scorer_id, address } => embed::score(call, scorer_id, address).await,
        Route::EmbedStamps { address } => embed::stamps(call, address).await,
        Route::InternalScore { scorer_id, address } => {
            internal_score::get(call, scorer_id, address).await
        }
        Route::EmbedValidateApiKey => validate_api_key::get(call).await,
        Route::EmbedWeights => weights::of_requested(call).await,
        Route::CheckBans => bans::check(call).await,
        Route::CheckRevocations => revocations::check(call).await,
        Route::AllowList { list, address } => allow_list::get(call, list, address).await,
        Route::CustomizationCredential { provider_id } => {
            customization::credential(call, provider_id).await
        }
        Route::StakeGtc { address } => stakes::current(call, address).await,
        Route::StakeLegacyGtc { address, round_id } => {
            stakes::legacy(call, address, round_id).await
        }
        Route::ContributorStatistics => contributor_statistics::get(call).await,
        Route::CeramicWeights => weights::of_default(call).await,
        Route::CeramicBulk => match call.request.method.as_str() {
            "POST" => ceramic::bulk::post(call).await,
            "PATCH" => ceramic::bulk::patch(call).await,
            _ => ceramic::bulk::delete(call).await,
        },
        Route::CeramicScore { address } => match call.request.method.as_str() {
            "GET" => ceramic::score::get(call, address).await,
            _ => ceramic::score::post(call, address).await,
        },
        Route::CeramicStamp => ceramic::stamps(call).await,
    }
}

/// Views that are no endpoints of the API: there unsafe methods need a form token.
fn plain_view(request: &Incoming<'_>, route: Route<'_>) -> Answer {
    if !matches!(&*request.method, "GET" | "HEAD" | "OPTIONS" | "TRACE") {
        // Another origin is refused before the cookie is missed.
        let origin = request.headers.get("Origin");
        return Answer::page(match origin.is_some() || cookies::has_form_token(request) {
            true => Page::Forbidden,
            false => Page::ForbiddenWithoutCookie,
        });
    }
    match route {
        Route::Root => Answer::found("/admin/"),
        Route::Health => Answer::text(200, "Ok"),
        _ => Answer::page(Page::NotFound),
    }
}
