//! A request on its way through a handler, and what every handler may ask of it.

use num_bigint::BigInt;

use crate::{
    auth::{
        api_key::{self, Authenticated, Flavour},
        internal_token,
        jwt::{self, Caller},
    },
    cache::{CacheValue, CacheWrite},
    effects::Effects,
    message::Mode,
    python::int,
    rate_limit::Rate,
    service::Service,
    store::{
        api_keys::ApiKey,
        failure::{Cause, Failure as StoreFailure},
    },
};

use super::{
    error::{Failure, Uncaught},
    request::Incoming,
    validation::{Invalid, Step},
};

/// A request on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Service,
    pub(crate) request: &'a Incoming<'a>,
    pub(crate) mode: Mode,
    /// What the answer changed, or would have changed in dry-run mode.
    pub(crate) effects: Effects,
    pub(crate) cache_writes: Vec<CacheWrite>,
}

impl Call<'_> {
    /// # Errors
    /// 401 without the token of contract §2.2.
    pub(super) fn require_internal_token(&self) -> Result<(), Failure> {
        let auth = &self.service.settings().internal_auth;
        internal_token::check(&self.request.headers, auth)
    }

    /// # Errors
    /// 401 or the 500 page, by contract §2.3.
    pub(super) fn require_access_token(&self) -> Result<Caller, Failure> {
        jwt::authenticate(
            &self.request.headers,
            &self.service.settings().secret_key,
            self.service.clock().now(),
        )
    }

    /// The caller's API key. One that was verified by its slow hash gets its fast hash stored.
    ///
    /// # Errors
    /// 401 or the 500 page, by contract §2.1.
    pub(super) async fn require_api_key(&mut self, flavour: Flavour) -> Result<ApiKey, Failure> {
        let Authenticated { key, migrated_hash } =
            api_key::authenticate(self.service, &self.request.headers, flavour).await?;
        if let Some(hash) = migrated_hash {
            if self.mode.writes() {
                let pool = &self.service.databases().primary;
                key.store_hash(pool, &hash).await?;
            }
            self.effects.0.push(key.migration(&hash));
        }
        Ok(key)
    }

    /// Counts the call against the key's limit. In dry-run mode it is only reckoned in.
    ///
    /// # Errors
    /// 429 above the limit; the 500 page for an unusable rate or an unreachable cache
    /// (contract §4).
    pub(super) async fn require_allowance(&mut self, key: &ApiKey) -> Result<(), Failure> {
        let limit = key.rate_limit.as_deref().filter(|rate| !rate.is_empty());
        let Some(limit) = limit.filter(|_| self.service.settings().rate_limit) else {
            return Ok(());
        };
        let rate = Rate::parse(limit).map_err(|error| Failure::Uncaught(Uncaught::Rate(error)))?;
        let counter = rate.counter_key(&key.prefix, self.service.clock().now());
        let time_to_live = rate.time_to_live();
        let cache = self.service.cache();
        let count = if self.mode.writes() {
            cache.increment(&counter, time_to_live).await?
        } else {
            cache.count(&counter).await? + 1
        };
        self.cache_writes.push(CacheWrite {
            key: counter,
            value: CacheValue::Counter(count),
            time_to_live,
        });
        if u128::from(count) > rate.count {
            return Err(Failure::detail(429, "You have been rate limited!"));
        }
        Ok(())
    }

    /// Why a scoring failed. What it wrote nevertheless is kept.
    pub(super) fn keep_effects(&mut self, failure: StoreFailure) -> Cause {
        self.effects.0.extend(failure.effects.0);
        failure.cause
    }
}

/// An integer parameter of a route, which has digits only.
///
/// # Errors
/// None for a path that was routed.
pub(super) fn integer_in_path(digits: &str) -> Result<BigInt, Failure> {
    int::parse_int(digits).ok_or_else(|| Failure::quirk("a number in the path that is none"))
}

/// An integer in the path or query.
///
/// # Errors
/// 422 for anything pydantic does not take for one.
pub(super) fn integer_parameter(
    place: &'static str,
    name: &'static str,
    text: &str,
) -> Result<BigInt, Failure> {
    int::pydantic_int_str(text).map_err(|error| {
        let at = [Step::Key(place), Step::Key(name)];
        Failure::Invalid(vec![Invalid::not_an_integer(&at, error)])
    })
}
