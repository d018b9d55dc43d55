//! Which route a request belongs to, from its method and path.

use serde::Deserialize;

use super::RulesError;
use crate::exchange::Request;

/// Name of the route of every path that the file does not list.
pub const OTHER_ROUTE: &str = "other-route";

/// One `[[route]]` as written in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteEntry {
    name: String,
    method: String,
    /// `/v2/stamps/{scorer_id}/score/{address}`; `{round_id:int}` takes ASCII digits only.
    path: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(Vec<Route>);

#[derive(Debug, Clone)]
struct Route {
    name: String,
    method: String,
    segments: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Text(String),
    Integer(String),
}

impl Routes {
    pub(super) fn new(entries: Vec<RouteEntry>) -> Result<Self, RulesError> {
        entries
            .into_iter()
            .map(|entry| {
                let path = entry
                    .path
                    .strip_prefix('/')
                    .ok_or_else(|| RulesError::Invalid {
                        owner: format!("route `{}`", entry.name),
                        message: format!("path `{}` does not start with `/`", entry.path),
                    })?;
                Ok(Route {
                    segments: path.split('/').map(Part::parse).collect(),
                    name: entry.name,
                    method: entry.method,
                })
            })
            .collect::<Result<_, _>>()
            .map(Routes)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|route| route.name.as_str())
    }

    /// The path is percent-decoded first and then matched exactly (contract §1.1).
    pub(super) fn classify(&self, request: &Request) -> String {
        let path = decoded_path(&request.target);
        let mut known_path = None;
        for route in self.0.iter().filter(|route| route.matches(&path)) {
            if route.method.eq_ignore_ascii_case(&request.method) {
                return route.name.clone();
            }
            known_path.get_or_insert(&route.name);
        }
        known_path.map_or_else(
            || OTHER_ROUTE.to_owned(),
            |name| format!("{name}:other-method"),
        )
    }

    /// Position among the segments of the path where a route's parameter stands.
    pub(crate) fn parameter(&self, route: &str, name: &str) -> Option<usize> {
        self.0
            .iter()
            .find(|entry| entry.name == route)?
            .segments
            .iter()
            .position(|part| match part {
                Part::Text(parameter) | Part::Integer(parameter) => parameter == name,
                Part::Literal(_) => false,
            })
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut parts = self.segments.iter();
        path.split('/')
            .all(|segment| parts.next().is_some_and(|part| part.matches(segment)))
            && parts.next().is_none()
    }
}

impl Part {
    fn parse(text: &str) -> Self {
        let Some(name) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
            return Part::Literal(text.to_owned());
        };
        match name.strip_suffix(":int") {
            Some(name) => Part::Integer(name.to_owned()),
            None => Part::Text(name.to_owned()),
        }
    }

    fn matches(&self, segment: &str) -> bool {
        match self {
            Part::Literal(literal) => literal == segment,
            Part::Text(_) => !segment.is_empty(),
            Part::Integer(_) => {
                !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
            }
        }
    }
}

/// Path of a request target with `%XX` decoded; malformed escapes stay as they are.
fn decoded_path(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default().as_bytes();
    let mut decoded = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let escape = path
            .get(at + 1..at + 3)
            .filter(|_| path[at] == b'%')
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(path[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
