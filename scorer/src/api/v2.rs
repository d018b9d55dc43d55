//! `/v2/stamps/…`: the endpoints of partners.

pub(super) mod history;
pub(super) mod score;
pub(super) mod stamps;
