//! Which route a request belongs to, and whom it is about.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, header};

use crate::config::{RouteConfig, Sticky, WritePolicy};

/// Name of every path that no route names.
pub const OTHER_ROUTE: &str = "other-route";

/// The endpoints of the scoring service (contract, table of endpoints), used when the
/// configuration names no route: name, method, template, whether a request can write.
const SCORER_ROUTES: [(&str, &str, &str, bool); 15] = [
    (
        "v2-score",
        "GET",
        "/v2/stamps/{scorer_id}/score/{address}",
        true,
    ),
    (
        "embed-score",
        "GET",
        "/internal/embed/score/{scorer_id}/{address}",
        true,
    ),
    (
        "embed-stamps",
        "POST",
        "/internal/embed/stamps/{address}",
        true,
    ),
    (
        "embed-validate-api-key",
        "GET",
        "/internal/embed/validate-api-key",
        true,
    ),
    (
        "internal-score-v2",
        "GET",
        "/internal/score/v2/{scorer_id}/{address}",
        true,
    ),
    ("embed-weights", "GET", "/internal/embed/weights", false),
    ("check-bans", "POST", "/internal/check-bans", false),
    (
        "check-revocations",
        "POST",
        "/internal/check-revocations",
        false,
    ),
    (
        "allow-list",
        "GET",
        "/internal/allow-list/{list}/{address}",
        false,
    ),
    (
        "customization-credential",
        "GET",
        "/internal/customization/credential/{provider_id}",
        false,
    ),
    ("stake-gtc", "GET", "/internal/stake/gtc/{address}", false),
    (
        "stake-legacy-gtc",
        "GET",
        "/internal/stake/legacy-gtc/{address}/{round_id}",
        false,
    ),
    (
        "cgrants-statistics",
        "GET",
        "/internal/cgrants/contributor_statistics",
        false,
    ),
    ("ceramic-bulk", "POST", "/ceramic-cache/stamps/bulk", true),
    (
        "ceramic-score",
        "GET",
        "/ceramic-cache/score/{address}",
        true,
    ),
];

/// The scoring service's endpoints as configuration.
pub fn scorer_routes() -> Vec<RouteConfig> {
    SCORER_ROUTES
        .iter()
        .map(|(name, method, path, mutates)| RouteConfig {
            mutates: Some(*mutates),
            ..RouteConfig::new(name, method, path)
        })
        .collect()
}

/// What is known of a route before a request comes.
#[derive(Debug)]
pub struct Route {
    pub name: Arc<str>,
    /// What the configuration says; absent: the candidate's default.
    pub writes: Option<WritePolicy>,
    pub rate: Option<f64>,
    /// Whether a request can change rows.
    pub mutates: bool,
    /// Share of which the reference is asked twice; absent: the default for safe reads.
    pub noise: Option<f64>,
}

impl Route {
    /// Share of the requests with this method of which the reference is asked twice.
    pub fn noise_share(&self, method: &Method, default: f64) -> f64 {
        let safe = !self.mutates && matches!(*method, Method::GET | Method::HEAD);
        self.noise.unwrap_or(if safe { default } else { 0.0 })
    }
}

#[derive(Debug)]
struct Entry {
    methods: Vec<String>,
    segments: Vec<Segment>,
    route: Arc<Route>,
    /// For a method the route does not have: one that only reads, one that may write.
    other_method: [Arc<Route>; 2],
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter(String),
}

/// Routes in order of precedence.
#[derive(Debug)]
pub struct Routes {
    entries: Vec<Entry>,
    other: [Arc<Route>; 2],
}

/// A request's route and the value of its `{address}`.
#[derive(Debug, Clone)]
pub struct Matched {
    pub route: Arc<Route>,
    pub address: Option<String>,
}

impl Routes {
    pub fn new(configured: &[RouteConfig]) -> Self {
        let built_in;
        let configured = if configured.is_empty() {
            built_in = scorer_routes();
            &built_in
        } else {
            configured
        };
        Self {
            entries: configured.iter().map(Entry::new).collect(),
            other: unnamed(OTHER_ROUTE),
        }
    }

    /// Finds a request's route. Paths are decoded before they are matched, as the reference does
    /// (contract §1.1).
    pub fn find(&self, method: &Method, path: &str) -> Matched {
        let decoded = percent_decode(path);
        let parts: Vec<&[u8]> = decoded
            .as_bytes()
            .split(|byte| *byte == b'/')
            .skip(1)
            .collect();
        let mut wrong_method = None;
        for entry in &self.entries {
            let Some(address) = entry.matches(&parts) else {
                continue;
            };
            if entry.allows(method) {
                return Matched {
                    route: Arc::clone(&entry.route),
                    address,
                };
            }
            wrong_method.get_or_insert(&entry.other_method);
        }
        let unnamed = wrong_method.unwrap_or(&self.other);
        Matched {
            route: Arc::clone(&unnamed[usize::from(can_write(method))]),
            address: None,
        }
    }

    /// The configured routes.
    pub fn all(&self) -> impl Iterator<Item = &Route> {
        self.entries.iter().map(|entry| entry.route.as_ref())
    }
}

impl Entry {
    fn new(config: &RouteConfig) -> Self {
        let segments = config.path.split('/').skip(1).map(|segment| {
            let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match name {
                Some(name) => Segment::Parameter(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            }
        });
        Self {
            methods: config.methods.clone(),
            segments: segments.collect(),
            route: Arc::new(Route {
                name: config.name.as_str().into(),
                writes: config.writes,
                rate: config.rate,
                mutates: config.can_write(),
                noise: config.noise,
            }),
            other_method: unnamed(&format!("{}:other-method", config.name)),
        }
    }

    fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(method.as_str()))
    }

    /// The `{address}` (or nothing) when the path fits.
    fn matches(&self, parts: &[&[u8]]) -> Option<Option<String>> {
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut address = None;
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Literal(literal) if literal.as_bytes() == *part => {}
                Segment::Parameter(name) if !part.is_empty() => {
                    if name == "address" {
                        address = Some(String::from_utf8_lossy(part).to_lowercase());
                    }
                }
                _ => return None,
            }
        }
        Some(address)
    }
}

fn unnamed(name: &str) -> [Arc<Route>; 2] {
    [false, true].map(|mutates| {
        Arc::new(Route {
            name: name.into(),
            writes: None,
            rate: None,
            mutates,
            // Nobody said that it may be asked twice.
            noise: Some(0.0),
        })
    })
}

/// Whether a request with this method may change something.
pub fn can_write(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// Text with its `%41` decoded; an escape that is none stays as it is.
pub(crate) fn percent_decode(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

/// Whom a request is about: the address in its path, or in the `did` claim of its bearer token.
/// The token is not verified: a forged one only groups its own requests.
pub fn subject(matched: &Matched, headers: &HeaderMap) -> Option<String> {
    matched.address.clone().or_else(|| {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let payload = value.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        let did = claims.get("did")?.as_str()?;
        Some(did.rsplit(':').next()?.to_lowercase())
    })
}

/// What keeps a request together with others in samples and shares.
pub fn sticky_key(
    sticky: Sticky,
    subject: Option<&str>,
    headers: &HeaderMap,
    client: std::net::IpAddr,
) -> Option<String> {
    let api_key = || {
        ["x-api-key", "authorization"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok().map(str::to_owned))
    };
    let key = match sticky {
        Sticky::None => return None,
        Sticky::Address => subject.map(str::to_owned).or_else(api_key),
        Sticky::ApiKey => api_key(),
    };
    Some(key.unwrap_or_else(|| client.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_route_after_decoding() {
        let routes = Routes::new(&[]);
        for (method, path, name, address) in [
            ("GET", "/v2/stamps/1/score/0xAB", "v2-score", Some("0xab")),
            ("get", "/v2/stamps/1/score/0xAB", "v2-score", Some("0xab")),
            ("GET", "/internal%2Fembed/weights", "embed-weights", None),
            (
                "HEAD",
                "/internal/embed/weights",
                "embed-weights:other-method",
                None,
            ),
            ("GET", "/internal/allow-list/a%2Fb/c", OTHER_ROUTE, None),
            ("GET", "/v2/stamps/1/score/", OTHER_ROUTE, None),
            ("GET", "/", OTHER_ROUTE, None),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = routes.find(&method, path);
            assert_eq!(&*found.route.name, name, "{path}");
            assert_eq!(found.address.as_deref(), address, "{path}");
        }
    }

    #[test]
    fn requests_of_one_origin_share_a_key() {
        let client = "10.0.0.9".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "k".parse().unwrap());
        let none = HeaderMap::new();
        for (sticky, subject, headers, key) in [
            (Sticky::Address, Some("0xab"), &headers, Some("0xab")),
            (Sticky::Address, None, &headers, Some("k")),
            (Sticky::Address, None, &none, Some("10.0.0.9")),
            (Sticky::ApiKey, Some("0xab"), &headers, Some("k")),
            (Sticky::ApiKey, Some("0xab"), &none, Some("10.0.0.9")),
            (Sticky::None, Some("0xab"), &headers, None),
        ] {
            let found = sticky_key(sticky, subject, headers, client);
            assert_eq!(found.as_deref(), key, "{sticky:?} {subject:?}");
        }
    }

    #[test]
    fn a_bearer_token_names_whom_a_request_is_about() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"did": "did:pkh:eip155:1:0xAB"}"#);
        let mut headers = HeaderMap::new();
        let token = format!("Bearer e30.{payload}.sig");
        headers.insert(header::AUTHORIZATION, token.parse().unwrap());
        let matched = Routes::new(&[]).find(&Method::POST, "/ceramic-cache/stamps/bulk");
        assert_eq!(subject(&matched, &headers).as_deref(), Some("0xab"));
    }
}
