//! SQL, and nothing else.

pub(crate) mod api_keys;
