//! `/v2/stamps/…`: the endpoints of partners.

pub(super) mod history;
mod page_token;
pub(super) mod score;
pub(super) mod stamps;
