//! `GET /v2/stamps/{address}`: an address's stamps in pages (an endpoint beyond the fifteen).
//!
//! Metadata of stamps comes from a service outside; without it the Python service fails as this
//! one does.

use num_bigint::BigInt;

use crate::{
    api::{
        address, analytics,
        call::Call,
        error::{Failure, Uncaught},
        host,
        query::Query,
        response::Answer,
        validation::{Findings, Invalid, Step},
    },
    auth::api_key::Flavour,
    python::{Dict, Value, boolean::pydantic_bool_str, int, json},
    store::{
        api_keys::ApiKey,
        stamp_pages::{self, Cursor, Page},
    },
};

use super::page_token::{self, Direction};

const MAXIMUM_LIMIT: i64 = 1_000;

/// The query of the endpoint.
struct Parameters<'a> {
    limit: BigInt,
    token: Option<&'a str>,
    include_metadata: bool,
}

pub(in crate::api) async fn list(call: &mut Call<'_>, address: &str) -> Result<Answer, Failure> {
    let key = call.require_api_key(Flavour::Sync).await?;
    let query = Query::parse(call.request.raw_query)?;
    let parameters = Parameters::read(&query)?;
    match page(call, &key, address, &parameters).await {
        Ok(answer) => {
            analytics::store_success(call, &key).await;
            Ok(answer)
        }
        Err(failure) => {
            analytics::store_failure(call, &key, &failure, true).await;
            Err(failure)
        }
    }
}

impl<'a> Parameters<'a> {
    /// # Errors
    /// 422 with everything that is wrong.
    fn read(query: &'a Query) -> Result<Self, Failure> {
        let mut findings = Findings::default();
        let limit = query.last("limit").map(|text| {
            int::pydantic_int_str(text).map_err(|error| {
                let at = [Step::Key("query"), Step::Key("limit")];
                findings.push(Invalid::not_an_integer(&at, error));
            })
        });
        let include_metadata = query.last("include_metadata").map(|text| {
            pydantic_bool_str(text).ok_or_else(|| {
                findings.push(Invalid::new(
                    "bool_parsing",
                    &[Step::Key("query"), Step::Key("include_metadata")],
                    "Input should be a valid boolean, unable to interpret input",
                ));
            })
        });
        let parameters = Self {
            limit: limit
                .transpose()
                .ok()
                .flatten()
                .unwrap_or(MAXIMUM_LIMIT.into()),
            token: query.last("token").filter(|token| !token.is_empty()),
            include_metadata: include_metadata
                .transpose()
                .ok()
                .flatten()
                .unwrap_or_default(),
        };
        findings.into_result(parameters).map_err(Failure::Invalid)
    }
}

async fn page(
    call: &mut Call<'_>,
    key: &ApiKey,
    address: &str,
    parameters: &Parameters<'_>,
) -> Result<Answer, Failure> {
    call.require_allowance(key).await?;
    if parameters.limit > BigInt::from(MAXIMUM_LIMIT) {
        return Err(Failure::detail(400, "Invalid limit."));
    }
    let address = address::lowered(address)?;
    let cursor = parameters
        .token
        .map_or(Ok(Cursor::First), page_token::read)
        .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string())))?;
    let limit = u16::try_from(&parameters.limit)
        .map_err(|_| Failure::quirk("Negative indexing is not supported."))?;
    let pool = &call.service.databases().primary;
    let page = stamp_pages::page(pool, &address, cursor, i64::from(limit)).await?;
    let items = page
        .stamps
        .iter()
        .map(|(_, stamp)| describe(stamp, parameters.include_metadata));
    let items = Value::List(items.collect::<Result<_, _>>()?);
    let [next, prev] = links(call, &page, &address, limit);
    Ok(Answer::json(
        200,
        &Value::Dict(Dict::from([
            ("next", next),
            ("prev", prev),
            ("items", items),
        ])),
    ))
}

fn describe(stamp: &str, include_metadata: bool) -> Result<Value, Failure> {
    let credential = json::loads_str(stamp)
        .map_err(|error| Failure::Uncaught(Uncaught::Other(error.to_string())))?;
    if include_metadata {
        let provider = credential
            .get("credentialSubject")
            .and_then(|subject| subject.get("provider"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        return Err(Failure::detail(
            500,
            format!("Error fetching external stamp metadata for provider {provider}"),
        ));
    }
    Ok(Value::Dict(Dict::from([
        ("version", Value::from("1.0.0")),
        ("credential", credential),
        ("metadata", Value::None),
    ])))
}

/// Links to the older and the newer page. They name the first version of the endpoint.
fn links(call: &Call<'_>, page: &Page, address: &str, limit: u16) -> [Value; 2] {
    let scheme = match host::is_secure(call.request, call.service.settings()) {
        true => "https",
        false => "http",
    };
    let host = host::of(call.request);
    let link = |direction: Direction, stamp: Option<&(i64, String)>| match stamp {
        Some((id, _)) => {
            let token = page_token::write(direction, *id);
            Value::from(
                format!("{scheme}://{host}/registry/stamps/{address}?token={token}&limit={limit}")
                    .as_str(),
            )
        }
        None => Value::None,
    };
    [
        link(
            Direction::Next,
            page.stamps.last().filter(|_| page.has_older),
        ),
        link(
            Direction::Prev,
            page.stamps.first().filter(|_| page.has_newer),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_with_a_query_is_told() {
        let query = |text| Query::parse(text).unwrap();
        let wrong = query("include_metadata=maybe&limit=x");
        let Err(Failure::Invalid(items)) = Parameters::read(&wrong) else {
            panic!("two values are wrong");
        };
        assert_eq!(items.len(), 2);
        let fine = query("limit=1.0&token=&include_metadata=ON");
        let parameters = Parameters::read(&fine).unwrap();
        assert_eq!(parameters.limit, BigInt::from(1));
        assert_eq!(parameters.token, None);
        assert!(parameters.include_metadata);
    }
}
