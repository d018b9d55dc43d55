//! Which ban hits a credential (contract §3.7, domain E.2). No database, no clock.

use chrono::{DateTime, Utc};

/// A row of `ceramic_cache_ban` that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ban {
    /// `account`, `hash` or `single_stamp`; others never match.
    pub(crate) kind: String,
    pub(crate) provider: String,
    pub(crate) hash: String,
    pub(crate) address: String,
    pub(crate) end_time: Option<DateTime<Utc>>,
    pub(crate) reason: Option<String>,
}

/// What a caller asks about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credential<'a> {
    pub(crate) hash: &'a str,
    /// `None` never equals a ban's provider, not even an empty one.
    pub(crate) provider: Option<&'a str>,
    pub(crate) address: &'a str,
}

impl Ban {
    fn hits(&self, credential: Credential<'_>) -> bool {
        let same_address = self.address.to_lowercase() == credential.address.to_lowercase();
        match self.kind.as_str() {
            "account" => same_address && self.provider.is_empty(),
            "hash" => self.hash == credential.hash,
            "single_stamp" => same_address && credential.provider == Some(self.provider.as_str()),
            _ => false,
        }
    }
}

/// The first ban in table order that hits, whatever its strength.
pub(crate) fn first_hit<'a>(bans: &'a [Ban], credential: Credential<'_>) -> Option<&'a Ban> {
    bans.iter().find(|ban| ban.hits(credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(kind: &str, provider: &str, hash: &str, address: &str) -> Ban {
        Ban {
            kind: kind.to_owned(),
            provider: provider.to_owned(),
            hash: hash.to_owned(),
            address: address.to_owned(),
            end_time: None,
            reason: None,
        }
    }

    fn credential<'a>(
        hash: &'a str,
        provider: Option<&'a str>,
        address: &'a str,
    ) -> Credential<'a> {
        Credential {
            hash,
            provider,
            address,
        }
    }

    #[test]
    fn each_kind_has_its_own_rule() {
        let asked = credential("h", Some("Google"), "0xAB");
        for (ban, hits) in [
            (ban("account", "", "", "0xab"), true),
            (ban("account", "Google", "", "0xab"), false),
            (ban("account", "", "", "0xcd"), false),
            (ban("hash", "", "h", ""), true),
            (ban("hash", "", "H", ""), false),
            (ban("single_stamp", "Google", "", "0xab"), true),
            (ban("single_stamp", "google", "", "0xab"), false),
            (ban("other", "", "h", "0xab"), false),
        ] {
            assert_eq!(ban.hits(asked), hits, "{ban:?}");
        }
    }

    #[test]
    fn no_provider_is_not_an_empty_provider() {
        let single = ban("single_stamp", "", "", "0xab");
        assert!(!single.hits(credential("h", None, "0xab")));
        assert!(single.hits(credential("h", Some(""), "0xab")));
    }

    #[test]
    fn the_first_row_decides() {
        let bans = [ban("hash", "", "h", ""), ban("account", "", "", "0xab")];
        let hit = first_hit(&bans, credential("h", None, "0xab")).unwrap();
        assert_eq!(hit.kind, "hash");
    }
}
