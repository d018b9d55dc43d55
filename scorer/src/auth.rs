//! Who is calling (contract §2).

pub(crate) mod api_key;
pub(crate) mod base64;
pub(crate) mod internal_token;
pub(crate) mod jwt;
