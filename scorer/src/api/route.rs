//! Which endpoint a path means (contract §1.1, §1.2).

/// A known path with its parameters, percent-decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    V2Score {
        scorer_id: &'a str,
        address: &'a str,
    },
    V2History {
        scorer_id: &'a str,
        address: &'a str,
    },
    V2Stamps {
        address: &'a str,
    },
    EmbedScore {
        scorer_id: &'a str,
        address: &'a str,
    },
    EmbedStamps {
        address: &'a str,
    },
    EmbedValidateApiKey,
    EmbedWeights,
    InternalScore {
        scorer_id: &'a str,
        address: &'a str,
    },
    CheckBans,
    CheckRevocations,
    AllowList {
        list: &'a str,
        address: &'a str,
    },
    CustomizationCredential {
        provider_id: &'a str,
    },
    StakeGtc {
        address: &'a str,
    },
    StakeLegacyGtc {
        address: &'a str,
        round_id: &'a str,
    },
    ContributorStatistics,
    CeramicBulk,
    CeramicScore {
        address: &'a str,
    },
    CeramicStamp,
    CeramicWeights,
    Health,
    Root,
    InternalRoot,
    /// `/internal` and `/health`: redirected to the path with a slash.
    MissingSlash,
}

/// Digits of an integer path parameter beyond which Python refuses the conversion.
const MAXIMUM_DIGITS: usize = 4_300;

impl<'a> Route<'a> {
    /// Matches a percent-decoded path: exactly and case-sensitively.
    pub(crate) fn resolve(path: &'a str, v2_api: bool) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let (first, rest) = segments.split_first()?;
        match (*first, rest) {
            ("", []) => Some(Self::Root),
            ("health" | "internal", []) => Some(Self::MissingSlash),
            ("health", [""]) => Some(Self::Health),
            ("internal", [""]) => Some(Self::InternalRoot),
            ("internal", rest) => Self::internal(rest),
            ("ceramic-cache", rest) => Self::ceramic_cache(rest),
            ("v2", rest) if v2_api => Self::v2(rest),
            _ => None,
        }
    }

    fn internal(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["embed", "score", scorer_id, address] => Self::EmbedScore {
                scorer_id: integer(scorer_id)?,
                address: text(address)?,
            },
            ["embed", "stamps", address] => Self::EmbedStamps {
                address: text(address)?,
            },
            ["embed", "validate-api-key"] => Self::EmbedValidateApiKey,
            ["embed", "weights"] => Self::EmbedWeights,
            ["score", "v2", scorer_id, address] => Self::InternalScore {
                scorer_id: integer(scorer_id)?,
                address: text(address)?,
            },
            ["check-bans"] => Self::CheckBans,
            ["check-revocations"] => Self::CheckRevocations,
            ["allow-list", list, address] => Self::AllowList {
                list: text(list)?,
                address: text(address)?,
            },
            ["customization", "credential", provider_id] => Self::CustomizationCredential {
                provider_id: text(provider_id)?,
            },
            ["stake", "gtc", address] => Self::StakeGtc {
                address: text(address)?,
            },
            ["stake", "legacy-gtc", address, round_id] => Self::StakeLegacyGtc {
                address: text(address)?,
                round_id: integer(round_id)?,
            },
            ["cgrants", "contributor_statistics"] => Self::ContributorStatistics,
            _ => return None,
        })
    }

    fn ceramic_cache(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["stamps", "bulk"] => Self::CeramicBulk,
            ["score", address] => Self::CeramicScore {
                address: text(address)?,
            },
            ["stamp"] => Self::CeramicStamp,
            ["weights"] => Self::CeramicWeights,
            _ => return None,
        })
    }

    fn v2(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["stamps", scorer_id, "score", address] => Self::V2Score {
                scorer_id: text(scorer_id)?,
                address: text(address)?,
            },
            ["stamps", scorer_id, "score", address, "history"] => Self::V2History {
                scorer_id: text(scorer_id)?,
                address: text(address)?,
            },
            // Another endpoint of the Python service, which is not served here.
            ["stamps", "metadata"] => return None,
            ["stamps", address] => Self::V2Stamps {
                address: text(address)?,
            },
            _ => return None,
        })
    }

    /// Methods in the order of the `Allow` header; empty where any method is taken.
    pub(crate) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::EmbedStamps { .. } | Self::CheckBans | Self::CheckRevocations => &["POST"],
            // Python lists these two in an order that changes with every process.
            Self::CeramicBulk => &["DELETE", "POST", "PATCH"],
            Self::CeramicScore { .. } => &["POST", "GET"],
            Self::Health | Self::Root | Self::InternalRoot | Self::MissingSlash => &[],
            _ => &["GET"],
        }
    }

    /// Name for metrics, logs and traces.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::V2Score { .. } => "v2-score",
            Self::V2History { .. } => "v2-history",
            Self::V2Stamps { .. } => "v2-stamps",
            Self::EmbedScore { .. } => "embed-score",
            Self::EmbedStamps { .. } => "embed-stamps",
            Self::EmbedValidateApiKey => "embed-validate-api-key",
            Self::EmbedWeights => "embed-weights",
            Self::InternalScore { .. } => "internal-score-v2",
            Self::CheckBans => "check-bans",
            Self::CheckRevocations => "check-revocations",
            Self::AllowList { .. } => "allow-list",
            Self::CustomizationCredential { .. } => "customization-credential",
            Self::StakeGtc { .. } => "stake-gtc",
            Self::StakeLegacyGtc { .. } => "stake-legacy-gtc",
            Self::ContributorStatistics => "cgrants-statistics",
            Self::CeramicBulk => "ceramic-bulk",
            Self::CeramicScore { .. } => "ceramic-score",
            Self::CeramicStamp => "ceramic-stamp",
            Self::CeramicWeights => "ceramic-weights",
            Self::Health => "health",
            Self::Root | Self::InternalRoot | Self::MissingSlash => super::UNROUTED,
        }
    }
}

fn text(segment: &str) -> Option<&str> {
    (!segment.is_empty()).then_some(segment)
}

fn integer(segment: &str) -> Option<&str> {
    let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    (digits && segment.len() <= MAXIMUM_DIGITS).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> Option<Route<'_>> {
        Route::resolve(path, true)
    }

    #[test]
    fn paths_match_exactly() {
        assert!(resolve("/internal/check-bans").is_some());
        for path in [
            "/internal/check-bans/",
            "/internal//check-bans",
            "/Internal/check-bans",
            "/internal/check-bans;x",
            "http://host/internal/check-bans",
            "internal/check-bans",
            "/internal/stake/gtc/",
            "/ceramic-cache",
            "/ceramic-cache/",
            "/v2",
            "/v2/",
            "/v2/stamps/metadata",
            "*",
            "",
        ] {
            assert_eq!(resolve(path), None, "{path}");
        }
    }

    #[test]
    fn integer_parameters_are_ascii_digits() {
        assert!(resolve("/internal/embed/score/0001/x").is_some());
        for id in ["-1", "+1", "1.0", "abc", "١", ""] {
            assert_eq!(resolve(&format!("/internal/embed/score/{id}/x")), None);
        }
        let long = |digits: usize| format!("/internal/embed/score/{}/x", "9".repeat(digits));
        assert!(resolve(&long(4_300)).is_some());
        assert!(resolve(&long(4_301)).is_none());
    }

    #[test]
    fn text_parameters_take_anything_but_a_slash() {
        for address in ["\0", " ", "\n", "ü", "%zz"] {
            let path = format!("/internal/allow-list/l/{address}");
            assert_eq!(
                resolve(&path),
                Some(Route::AllowList { list: "l", address })
            );
        }
    }

    #[test]
    fn v2_exists_only_with_its_flag() {
        assert!(Route::resolve("/v2/stamps/1/score/x", true).is_some());
        assert!(Route::resolve("/v2/stamps/1/score/x", false).is_none());
    }
}
