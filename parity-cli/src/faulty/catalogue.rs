//! The faults, over all layers. Each is one thing that a port can get wrong.

use super::{Change, Fault, Layer};

const fn fault(name: &'static str, layer: Layer, change: Change) -> Fault {
    Fault {
        name,
        layer,
        change,
    }
}

/// Every fault, by layer.
pub const FAULTS: &[Fault] = &[
    fault(
        "status-created-as-ok",
        Layer::Status,
        Change::Status { from: 201, to: 200 },
    ),
    fault(
        "status-not-found-as-bad-request",
        Layer::Status,
        Change::Status { from: 404, to: 400 },
    ),
    fault(
        "status-unprocessable-as-bad-request",
        Layer::Status,
        Change::Status { from: 422, to: 400 },
    ),
    fault(
        "status-failure-as-ok",
        Layer::Status,
        Change::Status { from: 500, to: 200 },
    ),
    fault(
        "status-method-not-allowed-as-not-found",
        Layer::Status,
        Change::Status { from: 405, to: 404 },
    ),
    fault(
        "status-bad-request-as-unprocessable",
        Layer::Status,
        Change::Status { from: 400, to: 422 },
    ),
    fault(
        "authentication-refused-as-forbidden",
        Layer::Authentication,
        Change::Status { from: 401, to: 403 },
    ),
    fault(
        "authentication-not-asked-for",
        Layer::Authentication,
        Change::Status { from: 401, to: 200 },
    ),
    fault(
        "authentication-reason-hidden",
        Layer::Authentication,
        Change::Text {
            from: "Invalid API Key.",
            to: "Unauthorized",
        },
    ),
    fault(
        "rate-limit-not-applied",
        Layer::RateLimit,
        Change::Status { from: 429, to: 200 },
    ),
    fault(
        "rate-limit-other-words",
        Layer::RateLimit,
        Change::Text {
            from: "You have been rate limited!",
            to: "Too Many Requests",
        },
    ),
    fault(
        "rate-limit-counts-twice",
        Layer::RateLimit,
        Change::HigherCounters,
    ),
    fault(
        "cache-not-filled",
        Layer::Cache,
        Change::WithoutCacheEntries,
    ),
    fault(
        "header-charset-missing",
        Layer::Header,
        Change::HeaderText {
            name: "content-type",
            from: "application/json; charset=utf-8",
            to: "application/json",
        },
    ),
    fault(
        "header-charset-added",
        Layer::Header,
        Change::HeaderText {
            name: "content-type",
            from: "application/json",
            to: "application/json; charset=utf-8",
        },
    ),
    fault(
        "header-nosniff-missing",
        Layer::Header,
        Change::WithoutHeader("x-content-type-options"),
    ),
    fault(
        "header-frames-allowed",
        Layer::Header,
        Change::HeaderText {
            name: "x-frame-options",
            from: "DENY",
            to: "SAMEORIGIN",
        },
    ),
    fault(
        "header-vary-shorter",
        Layer::Header,
        Change::HeaderText {
            name: "vary",
            from: "origin, Cookie",
            to: "origin",
        },
    ),
    fault(
        "header-referrer-policy-missing",
        Layer::Header,
        Change::WithoutHeader("referrer-policy"),
    ),
    fault(
        "header-opener-policy-missing",
        Layer::Header,
        Change::WithoutHeader("cross-origin-opener-policy"),
    ),
    fault(
        "header-extra",
        Layer::Header,
        Change::ExtraHeader("X-Powered-By", "candidate"),
    ),
    fault(
        "header-twice",
        Layer::Header,
        Change::ExtraHeader("X-Content-Type-Options", "nosniff"),
    ),
    fault(
        "header-allow-longer",
        Layer::Header,
        Change::HeaderText {
            name: "allow",
            from: "GET",
            to: "GET, HEAD",
        },
    ),
    fault(
        "body-field-missing",
        Layer::Body,
        Change::Text {
            from: "\"error\": null, ",
            to: "",
        },
    ),
    fault(
        "body-field-extra",
        Layer::Body,
        Change::Text {
            from: "\"error\": null",
            to: "\"error\": null, \"warning\": null",
        },
    ),
    fault(
        "body-key-in-camel-case",
        Layer::Body,
        Change::Text {
            from: "\"passing_score\"",
            to: "\"passingScore\"",
        },
    ),
    fault(
        "body-boolean-flipped",
        Layer::Body,
        Change::Text {
            from: "\"passing_score\": true",
            to: "\"passing_score\": false",
        },
    ),
    fault(
        "body-boolean-as-text",
        Layer::Body,
        Change::Text {
            from: "\"is_member\": true",
            to: "\"is_member\": \"true\"",
        },
    ),
    fault(
        "body-number-as-text",
        Layer::Body,
        Change::Text {
            from: "\"chain\": 1,",
            to: "\"chain\": \"1\",",
        },
    ),
    fault(
        "body-text-as-number",
        Layer::Body,
        Change::Text {
            from: "\"threshold\": \"3.03500\"",
            to: "\"threshold\": 3.03500",
        },
    ),
    fault(
        "body-null-as-text",
        Layer::Body,
        Change::Text {
            from: "\"ban_type\": null",
            to: "\"ban_type\": \"\"",
        },
    ),
    fault(
        "body-null-for-object",
        Layer::Body,
        Change::Text {
            from: "\"points_data\": null",
            to: "\"points_data\": {}",
        },
    ),
    fault(
        "body-dedup-flipped",
        Layer::Body,
        Change::Text {
            from: "\"dedup\": true",
            to: "\"dedup\": false",
        },
    ),
    fault(
        "body-revocation-lost",
        Layer::Body,
        Change::Text {
            from: "\"is_revoked\": true",
            to: "\"is_revoked\": false",
        },
    ),
    fault(
        "body-error-text",
        Layer::Body,
        Change::Text {
            from: "Invalid address.",
            to: "Invalid address",
        },
    ),
    fault(
        "body-validation-place",
        Layer::Body,
        Change::Text {
            from: "\"loc\": [\"body\", \"payload\"",
            to: "\"loc\": [\"body\"",
        },
    ),
    fault(
        "body-validation-type",
        Layer::Body,
        Change::Text {
            from: "\"type\": \"missing\"",
            to: "\"type\": \"value_error.missing\"",
        },
    ),
    fault(
        "body-compact",
        Layer::Body,
        Change::EveryText {
            from: "\": ",
            to: "\":",
        },
    ),
    fault("body-newline-at-end", Layer::Body, Change::LongerBody("\n")),
    fault("body-empty", Layer::Body, Change::WithoutBody),
    fault("body-cut", Layer::Body, Change::CutBody),
    fault(
        "decimal-four-places",
        Layer::Decimal,
        Change::Text {
            from: "\"score\": \"3.03500\"",
            to: "\"score\": \"3.0350\"",
        },
    ),
    fault(
        "decimal-last-digit",
        Layer::Decimal,
        Change::Text {
            from: "\"score\": \"0.52500\"",
            to: "\"score\": \"0.52501\"",
        },
    ),
    fault(
        "decimal-through-a-double",
        Layer::Decimal,
        Change::Text {
            from: "125.000000000000000001",
            to: "125.000000000000000000",
        },
    ),
    fault(
        "decimal-without-exponent",
        Layer::Decimal,
        Change::Text {
            from: "1.5e-06",
            to: "0.0000015",
        },
    ),
    fault(
        "decimal-float-as-integer",
        Layer::Decimal,
        Change::Text {
            from: "\"num_grants_contribute_to\": 5.0",
            to: "\"num_grants_contribute_to\": 5",
        },
    ),
    fault(
        "decimal-zero-with-places",
        Layer::Decimal,
        Change::Text {
            from: "0E-18",
            to: "0.000000000000000000",
        },
    ),
    fault(
        "time-zulu",
        Layer::Time,
        Change::Text {
            from: "+00:00\"",
            to: "Z\"",
        },
    ),
    fault(
        "time-without-microseconds",
        Layer::Time,
        Change::Text {
            from: ".123456+00:00",
            to: "+00:00",
        },
    ),
    fault(
        "time-a-day-late",
        Layer::Time,
        Change::Text {
            from: "2027-02-14T",
            to: "2027-02-15T",
        },
    ),
    fault("order-list-reversed", Layer::Order, Change::ReversedList),
    fault(
        "order-keys-swapped",
        Layer::Order,
        Change::Text {
            from: "\"ban_type\": null, \"reason\": null",
            to: "\"reason\": null, \"ban_type\": null",
        },
    ),
    fault(
        "order-events-reversed",
        Layer::Order,
        Change::InsertedInReverse("registry_event"),
    ),
    fault(
        "rows-event-missing",
        Layer::Rows,
        Change::WithoutInserted("registry_event"),
    ),
    fault(
        "rows-event-twice",
        Layer::Rows,
        Change::InsertedTwice("registry_event"),
    ),
    fault(
        "rows-event-empty",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_event",
            column: "data",
            value: "{}",
        },
    ),
    fault(
        "rows-link-missing",
        Layer::Rows,
        Change::WithoutInserted("registry_hashscorerlink"),
    ),
    fault(
        "rows-link-for-somebody-else",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_hashscorerlink",
            column: "address",
            value: "\"0x0000000000000000000000000000000000000000\"",
        },
    ),
    fault(
        "rows-link-expiry",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_hashscorerlink",
            column: "expires_at",
            value: "\"2030-01-01T00:00:00+00:00\"",
        },
    ),
    fault(
        "rows-stamp-missing",
        Layer::Rows,
        Change::WithoutInserted("registry_stamp"),
    ),
    fault(
        "rows-stamp-of-another-passport",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_stamp",
            column: "passport_id",
            value: "1",
        },
    ),
    fault(
        "rows-old-stamps-kept",
        Layer::Rows,
        Change::WithoutDeleted("registry_stamp"),
    ),
    fault(
        "rows-passport-missing",
        Layer::Rows,
        Change::WithoutInserted("registry_passport"),
    ),
    fault(
        "rows-score-status",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_score",
            column: "status",
            value: "\"PROCESSING\"",
        },
    ),
    fault(
        "rows-score-value",
        Layer::Rows,
        Change::InsertedColumn {
            table: "registry_score",
            column: "score",
            value: "\"1.000000001\"",
        },
    ),
    fault(
        "rows-score-not-updated",
        Layer::Rows,
        Change::WithoutUpdated("registry_score"),
    ),
    fault(
        "rows-analytics-missing",
        Layer::Rows,
        Change::WithoutInserted("account_accountapikeyanalytics"),
    ),
    fault(
        "rows-analytics-status",
        Layer::Rows,
        Change::InsertedColumn {
            table: "account_accountapikeyanalytics",
            column: "status_code",
            value: "0",
        },
    ),
    fault(
        "rows-points-missing",
        Layer::Rows,
        Change::WithoutInserted("registry_humanpoints"),
    ),
    fault(
        "rows-points-twice",
        Layer::Rows,
        Change::InsertedTwice("registry_humanpoints"),
    ),
    fault(
        "rows-key-not-migrated",
        Layer::Rows,
        Change::WithoutUpdated("account_accountapikey"),
    ),
    fault(
        "rows-stamps-not-replaced",
        Layer::Rows,
        Change::WithoutUpdated("ceramic_cache_ceramiccache"),
    ),
];
