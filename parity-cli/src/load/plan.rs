//! Which requests are sent, and what a right answer looks like.

use std::collections::BTreeSet;

use parity::{
    coverage,
    exchange::{Request, Response},
    fixture::{FixtureError, Reader},
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
/// the load runs; a status or a member that comes or goes is a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    status: u16,
    /// Members of the JSON body; absent when the body is no JSON.
    fields: Option<BTreeSet<String>>,
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
            fields: top_fields(recorded),
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
        let fields = top_fields(answer);
        if fields == self.fields {
            return None;
        }
        let (Some(wanted), Some(found)) = (&self.fields, &fields) else {
            return Some("the body is JSON on one side only".into());
        };
        let missing: Vec<&str> = wanted.difference(found).map(String::as_str).collect();
        let extra: Vec<&str> = found.difference(wanted).map(String::as_str).collect();
        Some(format!(
            "members missing: [{}], extra: [{}]",
            missing.join(", "),
            extra.join(", ")
        ))
    }
}

/// Members of the body's root: those further down may depend on what the load itself wrote.
fn top_fields(response: &Response) -> Option<BTreeSet<String>> {
    coverage::fields(&response.body).map(|fields| {
        fields
            .into_iter()
            .filter(|path| path.matches('.').count() <= 1)
            .collect()
    })
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
    fn an_answer_is_checked_by_status_and_members() {
        let check = Check::of(&response(200, r#"{"score": "1", "at": "now"}"#));
        assert_eq!(
            check.fault(&response(200, r#"{"score": "2", "at": "later"}"#)),
            None
        );
        for (status, body) in [
            (500, r#"{"score": "1", "at": "now"}"#),
            (200, r#"{"score": "1"}"#),
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
