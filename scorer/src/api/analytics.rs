//! The row that a v2 call leaves for the operators' statistics (contract §6).

use crate::{
    domain::varchar,
    effects::{Cell, Change},
    message::Mode,
    python::{Dict, Value, jsonb},
    store::{self, api_keys::ApiKey},
};

use super::{call::Call, error::Failure, query::Query};

/// Characters that the `path` column holds.
const MAXIMUM_PATH: usize = 1_000;

/// What a call came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) status: u16,
    /// Text of the exception; empty for 429.
    pub(super) error: Option<&'a str>,
    /// The compact JSON of the answer.
    pub(super) response: Option<&'a str>,
    /// The endpoint never stores its answers.
    pub(super) response_skipped: bool,
}

/// The row, or nothing where analytics are off or the database would refuse it.
pub(super) fn row(call: &Call<'_>, key: &ApiKey, outcome: Outcome<'_>) -> Option<Change> {
    let request = call.request;
    if !call.service.settings().api_analytics {
        return None;
    }
    let path = varchar::fit(&request.path, MAXIMUM_PATH)?;
    let query = Query::parse(request.raw_query).ok()?;
    let text = |text: Option<&str>| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned()));
    let json = |value: Value| jsonb::normalise(&value).ok().map(Cell::Json);
    let response = match outcome.response {
        Some(response) => json(Value::from(response))?,
        None => Cell::Null,
    };
    Some(Change::Inserted {
        table: "account_accountapikeyanalytics",
        row: vec![
            ("id", Cell::Int(-1)),
            ("created_at", Cell::Timestamp(call.service.clock().now())),
            ("path", text(Some(storable(path)?))),
            ("api_key_id", Cell::Text(key.id.clone())),
            ("base_path", Cell::Null),
            ("error", text(outcome.error)),
            ("headers", json(headers(call))?),
            ("path_segments", json(path_segments(&request.path))?),
            ("payload", Cell::Null),
            ("query_params", json(query_parameters(&query))?),
            ("response", response),
            ("response_skipped", Cell::Bool(outcome.response_skipped)),
            ("status_code", Cell::Int(i64::from(outcome.status))),
        ],
    })
}

/// Stores a row by itself. A failure is logged and changes nothing else.
async fn store(call: &mut Call<'_>, row: Option<Change>) {
    let Some(row) = row else {
        return;
    };
    if call.mode == Mode::DryRun {
        call.effects.0.push(row);
        return;
    }
    match store::analytics::insert(&call.service.databases().primary, row).await {
        Ok(stored) => call.effects.0.push(stored),
        Err(error) => tracing::warn!(%error, "an analytics row was not stored"),
    }
}

/// Stores the row of a call that succeeded, at an endpoint that never stores its answers.
pub(super) async fn store_success(call: &mut Call<'_>, key: &ApiKey) {
    let outcome = Outcome {
        status: 200,
        error: None,
        response: None,
        response_skipped: true,
    };
    let row = row(call, key, outcome);
    store(call, row).await;
}

/// Stores the row of a call that failed.
pub(super) async fn store_failure(
    call: &mut Call<'_>,
    key: &ApiKey,
    failure: &Failure,
    response_skipped: bool,
) {
    let (status, error) = match failure {
        Failure::Detail(429, _) => (429, String::new()),
        Failure::Detail(status, text) => (*status, text.to_string()),
        Failure::WithAddress { detail, .. } => (404, detail.clone()),
        Failure::Uncaught(cause) => (500, cause.to_string()),
        // Refused before the handler proper: no row.
        Failure::Invalid(_) | Failure::HtmlBadRequest => return,
    };
    let outcome = Outcome {
        status,
        error: Some(&error),
        response: None,
        response_skipped,
    };
    let row = row(call, key, outcome);
    store(call, row).await;
}

fn storable(text: &str) -> Option<&str> {
    (!text.contains('\0')).then_some(text)
}

fn path_segments(path: &str) -> Value {
    let path = path.strip_prefix('/').unwrap_or(path);
    Value::List(path.split('/').map(Value::from).collect())
}

fn query_parameters(query: &Query) -> Value {
    let groups = query.grouped().into_iter().map(|(name, values)| {
        let values = values.into_iter().map(Value::from).collect();
        (name, Value::List(values))
    });
    Value::Dict(groups.collect())
}

fn headers(call: &Call<'_>) -> Value {
    let headers = call.request.headers.iter().map(|(name, value)| {
        let value = match name {
            "X-API-KEY" | "COOKIE" | "AUTHORIZATION" => "***",
            _ => value,
        };
        (title_case(name), Value::from(value))
    });
    Value::Dict(headers.collect::<Dict>())
}

/// Python's `str.title`: a letter after anything but a letter is upper-case.
fn title_case(name: &str) -> String {
    let mut after_letter = false;
    name.chars()
        .map(|character| {
            let cased = if after_letter {
                character.to_ascii_lowercase()
            } else {
                character.to_ascii_uppercase()
            };
            after_letter = character.is_ascii_alphabetic();
            cased
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_titles() {
        for (name, title) in [
            ("X-API-KEY", "X-Api-Key"),
            ("USER-AGENT", "User-Agent"),
            ("X-B3-TRACEID", "X-B3-Traceid"),
            ("X-1ABC", "X-1Abc"),
        ] {
            assert_eq!(title_case(name), title);
        }
    }

    #[test]
    fn segments_lose_the_leading_empty_one_only() {
        let segments = |path| crate::python::json::dumps(&path_segments(path));
        assert_eq!(segments("/v2/a"), r#"["v2", "a"]"#);
        assert_eq!(segments("/v2//a/"), r#"["v2", "", "a", ""]"#);
    }
}
