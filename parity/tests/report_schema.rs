//! `docs/report-schema.json` and what is written agree, name by name.

use std::path::Path;

use bytes::Bytes;
use parity::{
    compare::{Comparison, Observation},
    effects::Effects,
    exchange::{Headers, Request, Response},
    outcome::{Divergence, Kind, Outcome, Place},
    redact::Redactor,
    report::{Baseline, Builder, LeftOut, Pair, Report, Run, Shard},
    rules::Rules,
    verdict::Policy,
};
use serde_json::Value;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report-schema.json");
    let text = std::fs::read_to_string(path).expect("the schema is committed");
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// A report that uses every part of the format.
fn report() -> Report {
    let rules =
        Rules::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport/rules.toml"))
            .expect("the committed rules read");
    let run = Run {
        shard: Some(Shard { index: 1, of: 2 }),
        ..Run::default()
    };
    let redactor = Redactor::keep_all("made up");
    let mut builder = Builder::new(run, Policy::default(), &rules, redactor);
    let pair = Pair {
        scenario: "s",
        step: 1,
        route: "v2-score",
    };
    let effects: Effects = serde_json::from_str(
        r#"{"t": {"inserted": [{"id": 1}], "updated": [{"pk": 1, "before": {}, "after": {}}], "deleted": [{"id": 2}]}}"#,
    )
    .expect("effects");
    let request = Request {
        method: "GET".into(),
        target: "/".into(),
        headers: Headers(vec![("Host".into(), b"h".to_vec())]),
        body: Bytes::from_static(b"\xff"),
    };
    let side = Observation {
        response: Response {
            status: 200,
            headers: Headers::default(),
            body: Bytes::new(),
        },
        effects: Some(effects),
    };
    let found = Comparison {
        outcome: Outcome::Diverged,
        diverged: vec![Divergence {
            place: Place::Effects,
            path: "t.inserted[0]".into(),
            kind: Kind::RuleViolated,
            reference: None,
            candidate: Some("1".into()),
            rule: Some("r".into()),
        }],
        tolerated: Vec::new(),
    };
    builder.compared(pair, &found, &request, &side, &side);
    builder.left_out(pair, LeftOut::SampledOut, "sampling");
    builder.latency("v2-score", Some(5), Some(7));
    builder.coverage(serde_json::json!({ "routes": 1 }));
    let mut report = builder.finish("2026-01-15".parse().expect("a date"), 1);
    let mut later = report.clone();
    later.run.shard = None;
    let baseline = Baseline::accepting(&later).expect("a whole run");
    later.clusters.clear();
    report.since_baseline = Some(baseline.since(&later));
    report
}

/// Follows references.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolve(
            root,
            &root["$defs"][reference.trim_start_matches("#/$defs/")],
        ),
        None => schema,
    }
}

/// Collects members that the schema does not know, members that it requires in vain, and values
/// that it does not list.
fn disagreements(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let schema = resolve(root, schema);
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        if !value.is_null() {
            disagreements(root, &options[0], value, path, found);
        }
        return;
    }
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && !known.contains(value)
    {
        found.push(format!("{path}: {value} is not listed"));
    }
    match value {
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !members.contains_key(name.as_str().unwrap_or_default()) {
                    found.push(format!("{path}: {name} is required and not written"));
                }
            }
            let Some(properties) = schema.get("properties") else {
                for (name, member) in members {
                    if let Some(any) = schema.get("additionalProperties") {
                        disagreements(root, any, member, &format!("{path}.{name}"), found);
                    }
                }
                return;
            };
            for (name, member) in members {
                match properties.get(name) {
                    Some(schema) => {
                        disagreements(root, schema, member, &format!("{path}.{name}"), found);
                    }
                    None => found.push(format!("{path}.{name} is written and not described")),
                }
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let item = schema
                    .get("prefixItems")
                    .and_then(|items| items.get(index))
                    .or_else(|| schema.get("items"));
                match item {
                    Some(item) => {
                        disagreements(root, item, element, &format!("{path}[{index}]"), found);
                    }
                    None => found.push(format!("{path}[{index}] is not described")),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_describes_what_is_written() {
    let schema = schema();
    let report: Value = serde_json::from_str(&report().to_json()).expect("JSON");
    let mut found = Vec::new();
    disagreements(&schema, &schema, &report, "$", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_report_that_disagrees_is_noticed() {
    let schema = schema();
    let mut report: Value = serde_json::from_str(&report().to_json()).expect("JSON");
    report["run"]["colour"] = Value::from("red");
    report["clusters"][0]["sample"]["kind"] = Value::from("unheard of");
    report.as_object_mut().expect("an object").remove("totals");
    let mut found = Vec::new();
    disagreements(&schema, &schema, &report, "$", &mut found);
    assert_eq!(found.len(), 3, "{found:#?}");
}
