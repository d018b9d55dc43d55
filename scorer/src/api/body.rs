//! JSON request bodies (contract §1.6).

use crate::python::{Value, json};

use super::{
    error::Failure,
    request::Incoming,
    validation::{Invalid, Step},
};

/// Bytes that a body may announce.
pub(crate) const MAXIMUM_LENGTH: u64 = 2_621_440;

/// Where every body starts in the `loc` of a 422.
pub(crate) const PAYLOAD: [Step; 2] = [Step::Key("body"), Step::Key("payload")];

/// Parses a body. The content type does not matter.
///
/// # Errors
/// Too long by its announced length: HTML-400. Empty: 422. Not JSON as Python reads it: 400.
pub(crate) fn parse(request: &Incoming<'_>) -> Result<Value, Failure> {
    let announced = request
        .headers
        .get("Content-Length")
        .and_then(|length| length.parse::<u128>().ok());
    if announced.is_some_and(|length| length > u128::from(MAXIMUM_LENGTH)) {
        return Err(Failure::HtmlBadRequest);
    }
    if request.body.is_empty() {
        return Err(Failure::Invalid(vec![Invalid::missing(&PAYLOAD)]));
    }
    json::loads(request.body).map_err(|_| Failure::detail(400, "Cannot parse request body"))
}
