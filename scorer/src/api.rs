//! The HTTP surface of the Python service (contract §1): routing, and a file per endpoint family.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod error;
mod gate;
mod host;
mod pages;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod validation;

use crate::{
    cache::CacheWrite,
    effects::Effects,
    message::{self, Mode, Reply},
    service::Service,
};

use error::Failure;
use pages::Page;
use request::Incoming;
use response::{Answer, Surroundings};
use route::Route;

/// A request on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Service,
    pub(crate) request: &'a Incoming<'a>,
    pub(crate) mode: Mode,
    /// What the answer changed, or would have changed in dry-run mode.
    pub(crate) effects: Effects,
    pub(crate) cache_writes: Vec<CacheWrite>,
}

/// Answers a request as the Python service would.
pub(crate) async fn answer(service: &Service, request: &message::Request, mode: Mode) -> Reply {
    let incoming = Incoming::new(request);
    let around = Surroundings {
        has_origin: incoming.headers.get("Origin").is_some(),
        is_head: incoming.method == "HEAD",
        vary_by_cookie: service.settings().vary_by_cookie,
    };
    let mut call = Call {
        service,
        request: &incoming,
        mode,
        effects: Effects::default(),
        cache_writes: Vec::new(),
    };
    let answer = match gate::check(&incoming, service.settings()) {
        Some(answer) => answer,
        None => route_and_answer(&mut call).await,
    };
    Reply {
        effects: std::mem::take(&mut call.effects),
        cache: std::mem::take(&mut call.cache_writes),
        response: answer.into_response(around),
    }
}

async fn route_and_answer(call: &mut Call<'_>) -> Answer {
    let request = call.request;
    let Some(route) = Route::resolve(&request.path, call.service.settings().v2_api) else {
        return Answer::page(Page::NotFound);
    };
    let methods = route.methods();
    if !methods.is_empty() && !methods.contains(&request.method.as_str()) {
        return Answer::method_not_allowed(methods);
    }
    match dispatch(call, route).await {
        Ok(answer) => answer,
        Err(failure) => Answer::from(failure),
    }
}

async fn dispatch(call: &mut Call<'_>, route: Route<'_>) -> Result<Answer, Failure> {
    match route {
        Route::Root => Ok(Answer::found("/admin/")),
        Route::Health => Ok(Answer::text(200, "Ok")),
        Route::InternalRoot => Ok(Answer::page(internal_root(&call.request.method))),
        Route::MissingSlash => Ok(gate::append_slash(call.request)),
        _ => Ok(Answer::page(Page::NotFound)),
    }
}

/// No view is here; unsafe methods fail the check of form tokens before that is found out.
fn internal_root(method: &str) -> Page {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => Page::NotFound,
        _ => Page::Forbidden,
    }
}
