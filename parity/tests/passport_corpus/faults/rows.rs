//! Faults in the rows a request changes.

use parity::json::{Text, Value};

use super::{
    Entry,
    edit::{
        at, digit_up, double_first, drop_first, inserted, last_digit_up, members, number, plus,
        put, remove, swap, table, text,
    },
};

pub(super) const ROWS: &[Entry] = &[
    ("passport is not stored", |c, _| {
        drop_first(table(c, "registry_passport").map(|t| &mut t.inserted))
    }),
    ("score is not stored", |c, _| {
        drop_first(table(c, "registry_score").map(|t| &mut t.inserted))
    }),
    ("event is written twice", |c, _| {
        double_first(table(c, "registry_event").map(|t| &mut t.inserted))
    }),
    ("event is not written", |c, _| {
        drop_first(table(c, "registry_event").map(|t| &mut t.inserted))
    }),
    ("nothing is written", |c, _| {
        let wrote = c
            .effects
            .as_ref()
            .is_some_and(|effects| !effects.is_empty());
        c.effects = Some(parity::effects::Effects::default());
        wrote
    }),
    ("a row in a table that should not change", |c, _| {
        let rows = parity::effects::TableEffects {
            inserted: vec![Value::Object(vec![(
                Text::from_decoded("id"),
                Value::<'static>::number(1),
            )])],
            ..Default::default()
        };
        c.effects
            .as_mut()
            .is_some_and(|effects| effects.0.insert("stake_stake".into(), rows).is_none())
    }),
    ("stored score with another scale", |c, _| {
        text(column(c, "registry_score", &["score"]), |old| {
            old.replace(".000000000", "")
        })
    }),
    ("stored status is another", |c, _| {
        text(column(c, "registry_score", &["status"]), |_| {
            "BULK_PROCESSING".into()
        })
    }),
    ("stored error is empty instead of null", |c, _| {
        put(
            column(c, "registry_score", &["error"]),
            Value::<'static>::string(""),
        )
    }),
    ("a column is missing", |c, _| {
        remove(inserted(c, "registry_score"), "expiration_date")
    }),
    ("raw score differs in the twelfth digit", |c, _| {
        text(
            column(c, "registry_score", &["evidence", "rawScore"]),
            |old| {
                if old.len() > 14 {
                    digit_up(old, |_| Some(12))
                } else {
                    old.to_owned()
                }
            },
        )
    }),
    ("raw score differs in the last digit", |c, step| {
        let defined = !step
            .tags
            .iter()
            .any(|tag| tag == "unordered:rawscore-last-digit");
        defined
            && text(
                column(c, "registry_score", &["evidence", "rawScore"]),
                last_digit_up,
            )
    }),
    ("success as a text", |c, _| {
        put(
            column(c, "registry_score", &["evidence", "success"]),
            Value::<'static>::string("true"),
        )
    }),
    ("a stored stamp score as an integer", |c, _| {
        let scores = members(column(c, "registry_score", &["stamp_scores"]));
        let first = scores.and_then(|scores| scores.first_mut());
        number(first.map(|(_, value)| value), |old| old.replace(".0", ""))
    }),
    ("score of another passport", |c, _| {
        number(column(c, "registry_score", &["passport_id"]), |id| {
            plus(id, 1)
        })
    }),
    ("stamp of another passport", |c, _| {
        number(column(c, "registry_stamp", &["passport_id"]), |id| {
            plus(id, -1)
        })
    }),
    ("stamp of another provider", |c, _| {
        text(column(c, "registry_stamp", &["provider"]), |old| {
            format!("{old}x")
        })
    }),
    ("stamp is stored twice", |c, _| {
        double_first(table(c, "registry_stamp").map(|t| &mut t.inserted))
    }),
    ("credential is stored with less", |c, _| {
        remove(column(c, "registry_stamp", &["credential"]), "proof")
    }),
    ("event for another score", |c, _| {
        number(column(c, "registry_event", &["data", "pk"]), |id| {
            plus(id, 1)
        })
    }),
    ("event for another passport", |c, _| {
        number(
            column(c, "registry_event", &["data", "fields", "passport"]),
            |id| plus(id, 1),
        )
    }),
    ("event with microseconds", |c, _| {
        text(
            column(
                c,
                "registry_event",
                &["data", "fields", "last_score_timestamp"],
            ),
            |old| old.replace('Z', "456Z"),
        )
    }),
    ("event in another community", |c, _| {
        number(column(c, "registry_event", &["community_id"]), |id| {
            plus(id, 1)
        })
    }),
    ("events of different actions in another order", |c, _| {
        let rows = table(c, "registry_event").map(|t| &mut t.inserted);
        rows.is_some_and(|rows| {
            let differ = rows.len() > 1 && rows[0].get("action") != rows[1].get("action");
            differ && swap(Some(rows))
        })
    }),
    ("events in another order", |c, step| {
        let defined = !step.tags.iter().any(|tag| tag == "unordered:effects");
        let rows = table(c, "registry_event")
            .map(|t| &mut t.inserted)
            .filter(|_| defined);
        rows.is_some_and(|rows| {
            let differ = rows.len() > 1 && rows[0].get("data") != rows[1].get("data");
            differ && swap(Some(rows))
        })
    }),
    ("nullifier expires a microsecond later", |c, _| {
        text(
            column(c, "registry_hashscorerlink", &["expires_at"]),
            |old| old.replace("+00:00", ".000001+00:00"),
        )
    }),
    ("nullifier of another address", |c, _| {
        text(
            column(c, "registry_hashscorerlink", &["address"]),
            last_digit_up,
        )
    }),
    ("nullifier is not taken over", |c, _| {
        drop_first(table(c, "registry_hashscorerlink").map(|t| &mut t.updated))
    }),
    ("points are not written", |c, _| {
        drop_first(table(c, "registry_humanpoints").map(|t| &mut t.inserted))
    }),
    ("points for another action", |c, _| {
        text(column(c, "registry_humanpoints", &["action"]), |_| {
            "XXX".into()
        })
    }),
    ("points on another chain", |c, _| {
        number(column(c, "registry_humanpoints", &["chain_id"]), |n| {
            plus(n, 1)
        })
    }),
    ("qualified user is not written", |c, _| {
        drop_first(table(c, "registry_humanpointscommunityqualifiedusers").map(|t| &mut t.inserted))
    }),
    ("an updated column keeps its value", |c, _| {
        let update = table(c, "registry_score").and_then(|t| t.updated.first_mut());
        update.is_some_and(|update| {
            remove(Some(&mut update.after), "last_score_timestamp")
                | remove(Some(&mut update.before), "last_score_timestamp")
        })
    }),
    ("another row is updated", |c, _| {
        let update = table(c, "ceramic_cache_ceramiccache").and_then(|t| t.updated.first_mut());
        number(update.map(|update| &mut update.pk), |pk| plus(pk, 1))
    }),
    ("deleted stamp is kept", |c, _| {
        drop_first(table(c, "registry_stamp").map(|t| &mut t.deleted))
    }),
    ("stamp is deleted for good", |c, _| {
        let table = table(c, "ceramic_cache_ceramiccache");
        table.is_some_and(|table| {
            let row = table.updated.first().map(|update| update.before.clone());
            table.deleted.extend(row);
            drop_first(Some(&mut table.updated))
        })
    }),
    ("stored stamps in another order", |c, _| {
        let rows = table(c, "ceramic_cache_ceramiccache").map(|t| &mut t.inserted);
        rows.is_some_and(|rows| {
            let differ = rows.len() > 1 && rows[0].get("provider") != rows[1].get("provider");
            differ && swap(Some(rows))
        })
    }),
    ("stored stamp a second later", |c, _| {
        text(
            column(c, "ceramic_cache_ceramiccache", &["created_at"]),
            |old| digit_up(old, |old| old.find('.').map(|dot| dot - 1)),
        )
    }),
    ("request is not counted", |c, _| {
        drop_first(table(c, "account_accountapikeyanalytics").map(|t| &mut t.inserted))
    }),
    ("request is counted with another status", |c, _| {
        number(
            column(c, "account_accountapikeyanalytics", &["status_code"]),
            |n| plus(n, 1),
        )
    }),
    ("request is counted for another key", |c, _| {
        text(
            column(c, "account_accountapikeyanalytics", &["api_key_id"]),
            last_digit_up,
        )
    }),
    ("logged answer differs in a digit", |c, _| {
        text(
            column(c, "account_accountapikeyanalytics", &["response"]),
            last_digit_up,
        )
    }),
    ("logged answer with its keys swapped", |c, _| {
        text(
            column(c, "account_accountapikeyanalytics", &["response"]),
            |old| {
                old.replacen(
                    "\"dedup\":false,\"expiration_date\":null",
                    "\"expiration_date\":null,\"dedup\":false",
                    1,
                )
                .replacen(
                    "\"points_data\":null,\"possible_points_data\":null",
                    "\"possible_points_data\":null,\"points_data\":null",
                    1,
                )
            },
        )
    }),
    ("logged answer with spaces", |c, _| {
        text(
            column(c, "account_accountapikeyanalytics", &["response"]),
            |old| old.replacen("\",\"", "\", \"", 1),
        )
    }),
    ("key is not upgraded", |c, _| {
        drop_first(table(c, "account_accountapikey").map(|t| &mut t.updated))
    }),
];

/// A column of the first inserted row, or a place inside it.
fn column<'o>(
    candidate: &'o mut parity::compare::Observation,
    name: &str,
    path: &[&str],
) -> Option<&'o mut parity::json::Json> {
    at(inserted(candidate, name)?, path)
}
