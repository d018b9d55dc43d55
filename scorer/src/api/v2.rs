//! `/v2/stamps/…`: the endpoints of partners.

pub(super) mod stamps;
