//! The settings that change how a scoring goes (domain 0.1).

/// Settings that change how a scoring goes.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Issuers whose stamps count: exact, case-sensitive (`TRUSTED_IAM_ISSUERS`).
    pub trusted_issuers: Vec<String>,
    /// Whether nullifiers other than `v0…` deduplicate (`FF_MULTI_NULLIFIER`).
    pub multi_nullifier: bool,
    pub human_points: HumanPointsRules,
}

/// When human points are awarded and shown (domain C.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct HumanPointsRules {
    /// `HUMAN_POINTS_ENABLED`.
    pub enabled: bool,
    /// Unix seconds before which nothing is awarded (`HUMAN_POINTS_START_TIMESTAMP`).
    pub start_timestamp: i64,
    /// Whether the MetaMask list earns points (`HUMAN_POINTS_MTA_ENABLED`).
    pub mta_enabled: bool,
}
