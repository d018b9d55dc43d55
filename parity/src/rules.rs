//! Reviewed equivalences: where two different answers are as good as each other, and why.
//!
//! One TOML file names the routes, the identities that the server makes, the headers that are not
//! compared, the cache keys that hold the time, and the rules. A rule never says "ignore": each [`Equivalence`] states what both
//! values must still look like, and a value that does not is a divergence of kind
//! [`RuleViolated`](crate::outcome::Kind::RuleViolated).

mod equivalence;
mod file;
mod identity;
mod routes;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    effects::Effects,
    exchange::Request,
    path::{Pattern, Segment},
};

pub use equivalence::{Equivalence, Format};
pub use file::{Evidence, RuleEntry, RulesError};
pub(crate) use identity::{Identities, RootIdentities, Sort};
pub use routes::OTHER_ROUTE;
use routes::Routes;

/// Everything the rules file says.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    routes: Routes,
    headers: HeaderProfile,
    identities: Identities,
    data_keys: Vec<Pattern>,
    clock_keys: Vec<String>,
    rules: Vec<Rule>,
}

/// Which headers are compared, and how strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderProfile {
    /// Lower-case names that are not compared, because the connection and not the service decides
    /// them.
    pub not_compared: Vec<String>,
    /// Whether the order of different header names counts.
    pub ordered: bool,
    /// Whether the case of header names counts.
    pub name_case: bool,
}

impl Default for HeaderProfile {
    fn default() -> Self {
        HeaderProfile {
            not_compared: [
                "connection",
                "date",
                "keep-alive",
                "server",
                "transfer-encoding",
            ]
            .map(String::from)
            .to_vec(),
            ordered: false,
            name_case: false,
        }
    }
}

/// One reviewed equivalence at one kind of place.
#[derive(Debug, Clone)]
pub struct Rule {
    pub entry: RuleEntry,
    patterns: Vec<Pattern>,
}

/// Rules that ask to be looked at again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Rules that tolerated nothing in this run.
    pub dead: Vec<String>,
    /// Rules whose expiry has passed. They still apply, so that a date alone changes no outcome.
    pub expired: Vec<String>,
}

impl Rules {
    /// No routes, no identities, no rules: everything must be equal.
    pub fn none() -> Self {
        Rules::default()
    }

    pub fn headers(&self) -> &HeaderProfile {
        &self.headers
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Objects whose keys are data and not names.
    pub(crate) fn data_keys(&self) -> &[Pattern] {
        &self.data_keys
    }

    /// The prefix of a cache key that holds the time, where the file names it.
    pub(crate) fn clock_key(&self, key: &str) -> Option<&str> {
        let mut prefixes = self.clock_keys.iter().map(String::as_str);
        prefixes.find(|prefix| key.starts_with(prefix))
    }

    pub(crate) fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Name of the route a request belongs to: what a recording's `ep:` tag says, or else what the
    /// method and path say. A known path with another method is `<route>:other-method`, an unknown
    /// path is [`OTHER_ROUTE`].
    pub fn route(&self, request: &Request, tags: &[String]) -> String {
        tags.iter()
            .find_map(|tag| tag.strip_prefix("ep:"))
            .map_or_else(|| self.routes.classify(request), ToOwned::to_owned)
    }

    /// Names of all routes in the file, in its order.
    pub fn route_names(&self) -> impl Iterator<Item = &str> {
        self.routes.names()
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Finds rules that were not needed (`used` are the identifiers of those that were) and rules
    /// that are past their expiry on the day `today`.
    pub fn audit(&self, used: &BTreeSet<String>, today: NaiveDate) -> Audit {
        let ids = |keep: &dyn Fn(&RuleEntry) -> bool| {
            self.rules
                .iter()
                .filter(|rule| keep(&rule.entry))
                .map(|rule| rule.entry.id.clone())
                .collect()
        };
        Audit {
            dead: ids(&|entry| !used.contains(&entry.id)),
            expired: ids(&|entry| entry.expires < today),
        }
    }
}

impl Rule {
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    pub fn equivalence(&self) -> &Equivalence {
        &self.entry.equivalence
    }

    /// Whether the rule speaks about this pair at all. Rows that neither side knows cannot rule
    /// it out.
    pub(crate) fn applies(
        &self,
        route: &str,
        tags: &[String],
        effects: [Option<&Effects>; 2],
    ) -> bool {
        let entry = &self.entry;
        (entry.routes.is_empty() || entry.routes.iter().any(|name| name == route))
            && entry.when_tag.as_ref().is_none_or(|tag| tags.contains(tag))
            && (entry.when_writes.is_empty()
                || effects.iter().all(Option::is_none)
                || effects
                    .iter()
                    .flatten()
                    .any(|effects| entry.when_writes.iter().any(|table| effects.touch(table))))
    }

    pub(crate) fn covers(&self, root: &str, path: &[Segment<'_>]) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(root, path))
    }

    pub(crate) fn reaches_below(&self, root: &str, path: &[Segment<'_>]) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.is_below(root, path))
    }
}

#[cfg(test)]
mod tests;
