//! The token that other services of the house send (contract §2.2).

use crate::{
    api::{error::Failure, request::Headers},
    settings::InternalAuth,
};

/// Compares the whole `Authorization` value, without any scheme, with the configured token.
///
/// # Errors
/// 401 on any difference, and always where the configured token is empty.
pub(crate) fn check(headers: &Headers, auth: &InternalAuth) -> Result<(), Failure> {
    let InternalAuth::Token(token) = auth else {
        return Ok(());
    };
    let sent = headers.get("Authorization").unwrap_or_default();
    if !token.is_empty() && token.matches(sent) {
        Ok(())
    } else {
        Err(Failure::detail(401, "Unauthorized"))
    }
}
