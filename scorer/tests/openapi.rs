//! `openapi.json` describes what was recorded: every answer of the fifteen endpoints has a documented
//! status and content type, and its body fits the schema.

use std::path::Path;

use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).expect("the document is JSON")
}

/// Every recorded step.
fn steps() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport/exchanges");
    let mut steps = Vec::new();
    for file in std::fs::read_dir(folder).expect("the fixtures are there") {
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("a fixture");
        steps.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("a step")),
        );
    }
    steps
}

/// The path of a request target, percent-decoded as far as routing needs it.
fn segments(target: &str) -> Vec<String> {
    let path = target
        .split('?')
        .next()
        .unwrap_or_default()
        .replace("%2F", "/")
        .replace("%2f", "/");
    path.split('/').map(str::to_owned).collect()
}

fn fits(template: &str, path: &[String]) -> bool {
    let template: Vec<&str> = template.split('/').collect();
    template.len() == path.len()
        && template.iter().zip(path).all(|(wanted, segment)| {
            if wanted.starts_with('{') {
                !segment.is_empty()
            } else {
                wanted == segment
            }
        })
}

/// The operation that a request asks for.
fn operation<'a>(document: &'a Value, request: &Value) -> Option<&'a Value> {
    let path = segments(request["target"].as_str()?);
    let method = request["method"].as_str()?.to_lowercase();
    let paths = document["paths"].as_object()?;
    let (_, item) = paths.iter().find(|(template, _)| fits(template, &path))?;
    item.get(&method)
}

#[test]
fn every_recorded_answer_fits() {
    let document = document();
    let (mut compared, mut problems) = (0, Vec::new());
    for step in steps() {
        let Some(operation) = operation(&document, &step["request"]) else {
            continue;
        };
        compared += 1;
        if let Err(problem) = answer_fits(&document, operation, &step["response"]) {
            problems.push(format!(
                "{} step {}: {problem}",
                step["scenario"], step["step"]
            ));
        }
    }
    assert!(compared > 1000, "only {compared} answers were compared");
    assert!(
        problems.is_empty(),
        "{} of {compared}:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

fn answer_fits(document: &Value, operation: &Value, response: &Value) -> Result<(), String> {
    let status = response["status"].to_string();
    let documented = operation["responses"]
        .get(&status)
        .ok_or_else(|| format!("status {status} is not documented"))?;
    let headers = response["headers"].as_array().ok_or("no headers")?;
    let content_type = headers
        .iter()
        .find(|header| {
            header[0]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
        })
        .and_then(|header| header[1].as_str())
        .ok_or("no content type")?;
    let schema = documented["content"]
        .get(content_type)
        .ok_or_else(|| format!("{content_type} is not documented for {status}"))?;
    let body = response["body"].as_str().ok_or("no body")?;
    let body = if content_type.contains("json") {
        serde_json::from_str(body).map_err(|error| error.to_string())?
    } else {
        Value::from(body)
    };
    check(document, &schema["schema"], &body, "$")
}

/// The part of JSON Schema that the document uses. Another keyword is an error, so that nothing in
/// the document goes unchecked.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Err(format!("{at}: the schema is no object"));
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "description" => {}
            "$ref" => {
                let pointer = rule.as_str().and_then(|text| text.strip_prefix('#'));
                let target = pointer.and_then(|pointer| document.pointer(pointer));
                check(
                    document,
                    target.ok_or(format!("{at}: {rule} leads nowhere"))?,
                    value,
                    at,
                )?;
            }
            "type" => {
                let allowed = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                if !allowed
                    .iter()
                    .any(|name| name.as_str().is_some_and(|name| is_a(value, name)))
                {
                    return Err(format!("{at}: {value} is not of type {rule}"));
                }
            }
            "enum" => {
                if !rule.as_array().is_some_and(|values| values.contains(value)) {
                    return Err(format!("{at}: {value} is none of {rule}"));
                }
            }
            "anyOf" => {
                let schemas = rule.as_array().ok_or(format!("{at}: anyOf is no list"))?;
                if !schemas
                    .iter()
                    .any(|schema| check(document, schema, value, at).is_ok())
                {
                    return Err(format!("{at}: {value} fits none of {rule}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, rule, item, &format!("{at}[{index}]"))?;
                }
            }
            "required" => {
                for name in rule
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                {
                    if value
                        .as_object()
                        .is_some_and(|members| !members.contains_key(name))
                    {
                        return Err(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" | "additionalProperties" => {}
            other => return Err(format!("{at}: the keyword {other} is not known here")),
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        let rest = schema.get("additionalProperties");
        match (
            schema.get("properties").and_then(|named| named.get(name)),
            rest,
        ) {
            (Some(rule), _) => check(document, rule, member, &at)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{at} is not documented")),
            (None, Some(rule @ Value::Object(_))) => check(document, rule, member, &at)?,
            (None, _) => {}
        }
    }
    Ok(())
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[test]
fn a_body_that_does_not_fit_is_found() {
    let document = document();
    let score = &document["components"]["schemas"]["Score"];
    let fits = |body: &str| check(&document, score, &serde_json::from_str(body).unwrap(), "$");
    let whole = r#"{"address": "0x", "score": "1.00000", "passing_score": true, "last_score_timestamp": null,
        "expiration_timestamp": null, "threshold": "1.00000", "error": null,
        "stamps": {"Ens": {"score": "1.00000", "dedup": false, "expiration_date": null}},
        "points_data": null, "possible_points_data": null}"#;
    assert_eq!(fits(whole), Ok(()));
    for (part, other) in [
        ("\"passing_score\": true", "\"passing_score\": \"true\""),
        ("\"error\": null,", ""),
        ("\"dedup\": false", "\"dedup\": false, \"more\": 1"),
        ("\"points_data\": null", "\"points_data\": {}"),
    ] {
        assert!(fits(&whole.replacen(part, other, 1)).is_err(), "{other}");
    }
}

#[test]
fn there_are_fifteen_operations() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths
        .values()
        .filter_map(Value::as_object)
        .map(serde_json::Map::len);
    assert_eq!(operations.sum::<usize>(), 15);
}
