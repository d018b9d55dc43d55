//! Which requests are sent, and what a right answer looks like.

use std::collections::BTreeMap;

use parity::{
    exchange::{Request, Response},
    fixture::{FixtureError, Reader},
    json::{self, Value},
    rules::Rules,
};

/// Requests that are sent again and again, in turn.
#[derive(Debug, Clone)]
pub struct Plan {
    pub requests: Vec<PlannedRequest>,
}

/// One request and how its answer is checked.
#[derive(Debug, Clone)]
pub struct PlannedRequest {
    pub route: String,
    pub request: Request,
    pub check: Check,
}

/// What every answer must have in common with the recorded one. Times and scores may move on while
/// the load runs; a status, a member that comes or goes, or a value of another type is a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    status: u16,
    /// Members of the JSON body; absent when the body is no JSON.
    members: Option<Members>,
}

/// What stands at the root of a JSON body, by name. What stands further down may depend on what the
/// load itself wrote.
type Members = BTreeMap<String, Type>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error(
        "no fixture fits: load needs scenarios of one step without preparation, answered with 200, \
         on the routes {routes}"
    )]
    Nothing { routes: String },
}

impl Plan {
    /// Takes the scenarios of one step that need no preparation and were answered with 200, on the
    /// given routes.
    ///
    /// # Errors
    /// A fixture cannot be read, or none fits.
    pub fn from_fixtures(
        reader: &Reader,
        rules: &Rules,
        routes: &[String],
    ) -> Result<Self, PlanError> {
        let mut requests = Vec::new();
        for group in &reader.manifest().groups {
            for scenario in reader.scenarios(&group.file)? {
                let scenario = scenario?;
                let [step] = scenario.steps.as_slice() else {
                    continue;
                };
                let route = rules.route(&step.request, &step.tags);
                if step.sql_before.is_none()
                    && step.response.status == 200
                    && routes.contains(&route)
                {
                    requests.push(PlannedRequest {
                        route,
                        request: step.request.clone(),
                        check: Check::of(&step.response),
                    });
                }
            }
        }
        if requests.is_empty() {
            return Err(PlanError::Nothing {
                routes: routes.join(", "),
            });
        }
        Ok(Self { requests })
    }
}

impl Check {
    fn of(recorded: &Response) -> Self {
        Self {
            status: recorded.status,
            members: members(recorded),
        }
    }

    /// What is wrong with an answer, if anything.
    pub fn fault(&self, answer: &Response) -> Option<String> {
        if answer.status != self.status {
            return Some(format!(
                "status {} instead of {}",
                answer.status, self.status
            ));
        }
        let found = members(answer);
        let (wanted, found) = match (&self.members, &found) {
            (None, None) => return None,
            (Some(wanted), Some(found)) => (wanted, found),
            _ => return Some("the body is JSON on one side only".into()),
        };
        let missing = names(wanted, |name| !found.contains_key(name));
        let extra = names(found, |name| !wanted.contains_key(name));
        if !missing.is_empty() || !extra.is_empty() {
            return Some(format!("members missing: [{missing}], extra: [{extra}]"));
        }
        let other = names(wanted, |name| !wanted[name].may_become(found[name]));
        (!other.is_empty()).then(|| format!("members of another type: [{other}]"))
    }
}

impl Type {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// What is absent now may be there later, and the other way round.
    fn may_become(self, other: Self) -> bool {
        self == other || self == Self::Null || other == Self::Null
    }
}

fn members(response: &Response) -> Option<Members> {
    let body = json::parse(&response.body).ok()?;
    Some(match &body {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.decoded().into_owned(), Type::of(value)))
            .collect(),
        other => BTreeMap::from([("$".to_owned(), Type::of(other))]),
    })
}

fn names(members: &Members, which: impl Fn(&str) -> bool) -> String {
    let names: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| which(name))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parity::exchange::Headers;

    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Headers::default(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn an_answer_is_checked_by_status_members_and_their_types() {
        let check = Check::of(&response(200, r#"{"score": "1", "at": "now"}"#));
        assert_eq!(
            check.fault(&response(200, r#"{"score": "2", "at": null}"#)),
            None
        );
        for (status, body) in [
            (500, r#"{"score": "1", "at": "now"}"#),
            (200, r#"{"score": "1"}"#),
            (200, r#"{"score": 1, "at": "now"}"#),
            (200, "oops"),
            (200, ""),
        ] {
            assert!(
                check.fault(&response(status, body)).is_some(),
                "{status} {body}"
            );
        }
    }
}
