//! The rows a scoring writes, in the order in which the Python service would write them.

use std::collections::HashMap;

use chrono::{DateTime as Instant, Utc};

use super::{
    dedup::{Claim, LinkChange},
    event::ScoreUpdate,
    points::Award,
    snapshot::{CachedStamp, RegistryStamp, ScoreColumns, ScoreRow},
};
use crate::{
    effects::{Cell, Change, Effects, Row},
    python::{Value, jsonb},
};

/// Everything one scoring writes.
///
/// Rows that do not exist yet have no identifier: see [`Identifiers`].
#[derive(Debug, Clone)]
pub struct Plan {
    pub address: String,
    pub community_id: i64,
    /// The scoring's instant: every row it writes carries it.
    pub now: Instant<Utc>,
    /// `None` inserts the passport.
    pub passport_id: Option<i64>,
    /// `None` inserts the score.
    pub score: Option<ScoreRow>,
    /// The score row as it ends; `None` leaves it as it is, which for a new row is `PROCESSING`.
    pub outcome: Option<ScoreColumns>,
    /// By hash.
    pub links: Vec<LinkChange>,
    /// Data of the `LDP` events.
    pub dedup_events: Vec<Value>,
    /// `None` leaves the rows of `registry_stamp` alone.
    pub stamps: Option<StampRewrite>,
    pub award: Award,
    /// The `SCU` event.
    pub score_event: Option<ScoreUpdate>,
}

/// All rows of a passport in `registry_stamp` replaced.
#[derive(Debug, Clone, Default)]
pub struct StampRewrite {
    pub deleted: Vec<RegistryStamp>,
    pub inserted: Vec<CachedStamp>,
}

/// The identifiers of a plan's new rows, in plan order per table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    pub passport: i64,
    pub score: i64,
    /// By hash.
    pub links: HashMap<String, i64>,
    /// `LDP` events, then the `SCU` event.
    pub events: Vec<i64>,
    pub stamps: Vec<i64>,
    /// `None` where another request inserted the same row first.
    pub qualified: Option<i64>,
    pub points: Vec<Option<i64>>,
}

impl Identifiers {
    /// Negative placeholders for rows that nobody inserts, unique within the plan and below those
    /// that are `taken`.
    pub fn placeholders(plan: &Plan, taken: usize) -> Self {
        let mut last = -i64::try_from(taken).unwrap_or(i64::MAX);
        let mut next = || {
            last -= 1;
            last
        };
        let passport = plan.passport_id.unwrap_or_else(&mut next);
        let score = plan.score.as_ref().map_or_else(&mut next, |score| score.id);
        let created = plan.links.iter().filter_map(|change| match change {
            LinkChange::Created(claim) => Some(claim.hash.clone()),
            LinkChange::Updated { .. } => None,
        });
        let links = created.map(|hash| (hash, next())).collect();
        let events = plan.dedup_events.len() + usize::from(plan.score_event.is_some());
        let stamps = plan
            .stamps
            .as_ref()
            .map_or(0, |rewrite| rewrite.inserted.len());
        Identifiers {
            passport,
            score,
            links,
            events: (0..events).map(|_| next()).collect(),
            stamps: (0..stamps).map(|_| next()).collect(),
            qualified: plan.award.qualifies.then(&mut next),
            points: plan.award.rows.iter().map(|_| Some(next())).collect(),
        }
    }
}

impl ScoreColumns {
    /// A row just inserted, before its score is known.
    pub fn processing() -> Self {
        ScoreColumns {
            score: None,
            last_score_timestamp: None,
            status: Some("PROCESSING".to_owned()),
            error: None,
            evidence: Value::None,
            stamp_scores: Value::None,
            stamps: Value::None,
            expiration_date: None,
        }
    }

    /// A row whose scoring failed: everything it had is lost.
    pub fn failed(error: String) -> Self {
        ScoreColumns {
            status: Some("ERROR".to_owned()),
            error: Some(error),
            ..Self::processing()
        }
    }

    fn cells(&self) -> Row {
        vec![
            (
                "score",
                self.score.clone().map_or(Cell::Null, Cell::Numeric),
            ),
            ("last_score_timestamp", timestamp(self.last_score_timestamp)),
            ("status", text(self.status.as_deref())),
            ("error", text(self.error.as_deref())),
            ("evidence", json_or_null(&self.evidence)),
            ("stamp_scores", json_or_null(&self.stamp_scores)),
            ("stamps", json_or_null(&self.stamps)),
            ("expiration_date", timestamp(self.expiration_date)),
        ]
    }
}

impl Plan {
    /// The row changes, with the identifiers given.
    pub fn effects(&self, ids: &Identifiers) -> Effects {
        let mut changes = Vec::new();
        self.passport_and_score(ids, &mut changes);
        self.links(ids, &mut changes);
        let (dedup_ids, score_event_id) = ids.events.split_at(self.dedup_events.len());
        for (data, id) in self.dedup_events.iter().zip(dedup_ids) {
            changes.push(self.event(*id, "LDP", data));
        }
        if let Some(rewrite) = &self.stamps {
            self.stamps(rewrite, ids, &mut changes);
        }
        self.points(ids, &mut changes);
        if let (Some(update), Some(id)) = (&self.score_event, score_event_id.first()) {
            changes.push(self.event(*id, "SCU", &update.data(ids.score, ids.passport)));
        }
        if let (Some(before), Some(after)) = (&self.score, &self.outcome) {
            let key = vec![("id", Cell::Int(before.id))];
            changes.extend(updated(
                "registry_score",
                key,
                before.columns.cells(),
                after.cells(),
            ));
        }
        Effects(changes)
    }

    /// A new score row appears as it ends.
    fn passport_and_score(&self, ids: &Identifiers, changes: &mut Vec<Change>) {
        if self.passport_id.is_none() {
            changes.push(Change::Inserted {
                table: "registry_passport",
                row: vec![
                    ("id", Cell::Int(ids.passport)),
                    ("address", text(Some(&self.address))),
                    ("community_id", Cell::Int(self.community_id)),
                    ("requires_calculation", Cell::Null),
                ],
            });
        }
        if self.score.is_none() {
            let mut row = vec![
                ("id", Cell::Int(ids.score)),
                ("passport_id", Cell::Int(ids.passport)),
            ];
            let columns = self
                .outcome
                .clone()
                .unwrap_or_else(ScoreColumns::processing);
            row.extend(columns.cells());
            changes.push(Change::Inserted {
                table: "registry_score",
                row,
            });
        }
    }

    fn links(&self, ids: &Identifiers, changes: &mut Vec<Change>) {
        const TABLE: &str = "registry_hashscorerlink";
        let claim_cells = |claim: &Claim| {
            vec![
                ("address", text(Some(&claim.address))),
                ("expires_at", Cell::Timestamp(claim.expires_at)),
            ]
        };
        for change in &self.links {
            match change {
                LinkChange::Created(claim) => {
                    let id = ids
                        .links
                        .get(&claim.hash)
                        .map_or(Cell::Null, |id| Cell::Int(*id));
                    let mut row = vec![
                        ("id", id),
                        ("hash", text(Some(&claim.hash))),
                        ("community_id", Cell::Int(self.community_id)),
                    ];
                    row.extend(claim_cells(claim));
                    changes.push(Change::Inserted { table: TABLE, row });
                }
                LinkChange::Updated { before, after } => {
                    let key = vec![("id", Cell::Int(before.id))];
                    let before = vec![
                        ("address", text(Some(&before.address))),
                        ("expires_at", Cell::Timestamp(before.expires_at)),
                    ];
                    changes.extend(updated(TABLE, key, before, claim_cells(after)));
                }
            }
        }
    }

    fn stamps(&self, rewrite: &StampRewrite, ids: &Identifiers, changes: &mut Vec<Change>) {
        const TABLE: &str = "registry_stamp";
        let row = |id: i64, provider: &str, credential: &Value| {
            vec![
                ("id", Cell::Int(id)),
                ("passport_id", Cell::Int(ids.passport)),
                ("provider", text(Some(provider))),
                ("credential", json(credential)),
            ]
        };
        for stamp in &rewrite.deleted {
            let row = row(stamp.id, &stamp.provider, &stamp.credential);
            changes.push(Change::Deleted { table: TABLE, row });
        }
        for (stamp, id) in rewrite.inserted.iter().zip(&ids.stamps) {
            let row = row(*id, &stamp.provider, &stamp.stamp);
            changes.push(Change::Inserted { table: TABLE, row });
        }
    }

    fn points(&self, ids: &Identifiers, changes: &mut Vec<Change>) {
        if let Some(id) = ids.qualified {
            changes.push(Change::Inserted {
                table: "registry_humanpointscommunityqualifiedusers",
                row: vec![
                    ("id", Cell::Int(id)),
                    ("address", text(Some(&self.address))),
                    ("community_id", Cell::Int(self.community_id)),
                ],
            });
        }
        for (row, id) in self.award.rows.iter().zip(&ids.points) {
            let Some(id) = id else { continue };
            changes.push(Change::Inserted {
                table: "registry_humanpoints",
                row: vec![
                    ("id", Cell::Int(*id)),
                    ("address", text(Some(&self.address))),
                    ("action", text(Some(&row.action))),
                    ("timestamp", Cell::Timestamp(self.now)),
                    ("tx_hash", text(Some(&row.tx_hash))),
                    ("chain_id", Cell::Int(row.chain_id.into())),
                    ("provider", text(Some(&row.provider))),
                ],
            });
        }
    }

    fn event(&self, id: i64, action: &str, data: &Value) -> Change {
        Change::Inserted {
            table: "registry_event",
            row: vec![
                ("id", Cell::Int(id)),
                ("action", text(Some(action))),
                ("address", text(Some(&self.address))),
                ("community_id", Cell::Int(self.community_id)),
                ("created_at", Cell::Timestamp(self.now)),
                ("data", json(data)),
            ],
        }
    }
}

/// An update of the columns that change; `None` if none does.
pub fn updated(table: &'static str, key: Row, before: Row, after: Row) -> Option<Change> {
    let (before, after): (Row, Row) = before
        .into_iter()
        .zip(after)
        .filter(|(old, new)| old.1 != new.1)
        .unzip();
    (!after.is_empty()).then_some(Change::Updated {
        table,
        key,
        before,
        after,
    })
}

/// A text cell.
pub fn text(value: Option<&str>) -> Cell {
    value.map_or(Cell::Null, |value| Cell::Text(value.to_owned()))
}

/// A timestamp cell.
pub fn timestamp(value: Option<Instant<Utc>>) -> Cell {
    value.map_or(Cell::Null, Cell::Timestamp)
}

/// A jsonb cell as PostgreSQL stores it.
///
/// The value must have a jsonb form; one that has none is kept as it is.
pub fn json(value: &Value) -> Cell {
    Cell::Json(jsonb::normalise(value).unwrap_or_else(|_| value.clone()))
}

/// A cleared JSON column is SQL NULL.
fn json_or_null(value: &Value) -> Cell {
    match value {
        Value::None => Cell::Null,
        value => json(value),
    }
}
