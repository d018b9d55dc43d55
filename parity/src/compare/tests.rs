mod clocks;

use bytes::Bytes;

use super::*;
use crate::exchange::Headers;

const RULES: &str = r#"
version = 1
[[identity]]
table = "parent"
referenced_by = ["child.parent_id"]
places = ["$.id", "$.rows[*].id", "event.inserted[*].data.pk"]
[[identity]]
table = "child"
[[rule]]
id = "list"
paths = ["$.bag", "child.inserted"]
equivalence = "unordered"
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "within"
paths = ["note.inserted"]
equivalence = { unordered_within = { keys = ["sort"] } }
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "keys"
paths = ["$.map", "log.inserted[*].text.(json).map"]
equivalence = "unordered_keys"
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "keyed"
paths = ["$.keyed"]
equivalence = { keyed_list = { keys = ["k"] } }
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "case"
paths = ["$.camel"]
equivalence = "key_case"
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "uuid"
paths = ["$.token"]
equivalence = { opaque = { format = "uuid" } }
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "allow"
paths = ["header.allow"]
equivalence = "header_set"
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
[[rule]]
id = "cookie"
paths = ["header.set-cookie"]
equivalence = { cookie = { name = "csrf", format = "alphanumeric", length = 4 } }
reason = "r"
evidence = { n = 1, rate = 0.5, interval = [0, 1] }
author = "a"
expires = "2030-01-01"
"#;

fn observation(headers: &[(&str, &str)], body: &str, effects: &str) -> Observation {
    let mut fields = vec![("Content-Type", "application/json")];
    fields.extend_from_slice(headers);
    Observation {
        response: Response {
            status: 200,
            headers: Headers(
                fields
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                    .collect(),
            ),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
        effects: Some(serde_json::from_str(effects).expect("valid effects")),
    }
}

fn run(bindings: &mut Bindings, reference: &Observation, candidate: &Observation) -> Comparison {
    let rules = Rules::load(RULES).expect("valid rules");
    let context = Context {
        rules: &rules,
        route: "r",
        tags: &[],
    };
    compare(&context, bindings, reference, candidate)
}

/// Kinds and paths of what diverged and of what was tolerated.
fn found(comparison: &Comparison) -> (Vec<String>, Vec<String>) {
    let show = |found: &[Divergence]| {
        found
            .iter()
            .map(|found| format!("{:?} {}", found.kind, found.path))
            .collect()
    };
    (show(&comparison.diverged), show(&comparison.tolerated))
}

fn bodies(reference: &str, candidate: &str) -> (Vec<String>, Vec<String>) {
    found(&run(
        &mut Bindings::default(),
        &observation(&[], reference, "{}"),
        &observation(&[], candidate, "{}"),
    ))
}

fn rows(reference: &str, candidate: &str) -> (Vec<String>, Vec<String>) {
    found(&run(
        &mut Bindings::default(),
        &observation(&[], "{}", reference),
        &observation(&[], "{}", candidate),
    ))
}

fn headers(reference: &[(&str, &str)], candidate: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    found(&run(
        &mut Bindings::default(),
        &observation(reference, "{}", "{}"),
        &observation(candidate, "{}", "{}"),
    ))
}

#[test]
fn each_way_to_differ_in_a_body_has_its_kind_and_path() {
    for (reference, candidate, expected) in [
        (r#"{"a": 1}"#, r#"{"a": 2}"#, "Value $.a"),
        (r#"{"a": 1.10}"#, r#"{"a": 1.1}"#, "Form $.a"),
        (r#"{"a": 1e2}"#, r#"{"a": 100}"#, "Form $.a"),
        (r#"{"a": 0.0}"#, r#"{"a": -0.0}"#, "Form $.a"),
        (r#"{"a": NaN}"#, r#"{"a": Infinity}"#, "Value $.a"),
        (r#"{"a": "1"}"#, r#"{"a": 1}"#, "Type $.a"),
        (r#"{"a": null}"#, r#"{"a": 1}"#, "Null $.a"),
        (r#"{"a": null}"#, r#"{}"#, "Missing $.a"),
        (r#"{}"#, r#"{"a": null}"#, "Extra $.a"),
        (r#"{"a": 1}"#, r#"{"a": 1, "a": 1}"#, "Extra $.a"),
        (r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#, "Order $"),
        (r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#, "Order $.a"),
        (r#"{"a": [1, 2, 3]}"#, r#"{"a": [1, 3]}"#, "Missing $.a[1]"),
        (r#"{"a": [1]}"#, r#"{"a": [1, 9]}"#, "Extra $.a[1]"),
        (r#"{"a": ["é"]}"#, r#"{"a": ["\u00e9"]}"#, "Form $.a[0]"),
        (r#"{"a b": true}"#, r#"{"a b": false}"#, r#"Value $["a b"]"#),
        (r#"{"a": 1}"#, r#"{"a":1}"#, "Bytes $"),
        (r#"{"a": 1}"#, "{\"a\": 1}\n", "Bytes $"),
        (r#"{"a": 1}"#, "<html>", "Type $"),
        ("<html>", "<htm>", "Value $"),
    ] {
        assert_eq!(
            bodies(reference, candidate).0,
            [expected],
            "{reference} against {candidate}"
        );
    }
}

#[test]
fn a_rule_tolerates_order_and_nothing_else() {
    assert_eq!(
        bodies(r#"{"bag": [1, 2, 2]}"#, r#"{"bag": [2, 1, 2]}"#),
        (vec![], vec!["Order $.bag".to_owned()])
    );
    assert_eq!(
        bodies(
            r#"{"map": {"x": 1, "y": 2}}"#,
            r#"{"map": {"y": 2, "x": 1}}"#
        ),
        (vec![], vec!["Order $.map".to_owned()])
    );
    for (reference, candidate, expected) in [
        (
            r#"{"bag": [1, 2, 2]}"#,
            r#"{"bag": [2, 1, 1]}"#,
            vec!["Missing $.bag[2]", "Extra $.bag[2]"],
        ),
        (
            r#"{"bag": [1, 2]}"#,
            r#"{"bag": [1]}"#,
            vec!["Missing $.bag[1]"],
        ),
        (
            r#"{"bag": [{"a": 1, "b": 2}, {"a": 2, "b": 3}]}"#,
            r#"{"bag": [{"a": 2, "b": 4}, {"a": 1, "b": 2}]}"#,
            vec!["Value $.bag[1].b"],
        ),
        (
            r#"{"map": {"x": 1, "y": 2}}"#,
            r#"{"map": {"y": 1, "x": 1}}"#,
            vec!["Value $.map.y"],
        ),
        (
            r#"{"map": {"x": 1, "y": 2}}"#,
            r#"{"map": {"y":2, "x": 1}}"#,
            vec!["Bytes $"],
        ),
    ] {
        assert_eq!(
            bodies(reference, candidate).0,
            expected,
            "{reference} against {candidate}"
        );
    }
}

#[test]
fn keyed_lists_are_aligned_by_their_key() {
    let (diverged, tolerated) = bodies(
        r#"{"keyed": [{"k": 1, "v": 1}, {"k": 2, "v": 2}]}"#,
        r#"{"keyed": [{"k": 2, "v": 3}, {"k": 1, "v": 1}]}"#,
    );
    assert_eq!(
        (diverged, tolerated),
        (
            vec!["Value $.keyed[1].v".into()],
            vec!["Order $.keyed".into()]
        )
    );
}

#[test]
fn key_case_lets_names_differ_but_not_values() {
    let (diverged, tolerated) = bodies(
        r#"{"camel": {"passing_score": true, "n": 1}}"#,
        r#"{"camel": {"passingScore": false, "n": 1}}"#,
    );
    assert_eq!(diverged, ["Value $.camel.passing_score"]);
    assert_eq!(tolerated, ["Form $.camel.passing_score"]);
}

#[test]
fn a_value_under_a_rule_must_still_look_right() {
    let uuid = r#"{"token": "9b2f0c1e-8a4d-4a53-9f0e-000000000001"}"#;
    let other = r#"{"token": "9b2f0c1e-8a4d-4a53-9f0e-000000000002"}"#;
    assert_eq!(
        bodies(uuid, other),
        (vec![], vec!["Value $.token".to_owned()])
    );
    for wrong in [
        r#"{"token": "none"}"#,
        r#"{"token": null}"#,
        r#"{"token": 7}"#,
    ] {
        assert_eq!(bodies(uuid, wrong).0, ["RuleViolated $.token"], "{wrong}");
    }
}

#[test]
fn headers_are_compared_without_case_and_order_of_names() {
    assert_eq!(
        headers(
            &[("Vary", "origin"), ("X-A", "1")],
            &[("x-a", "1"), ("vary", "origin")]
        ),
        (vec![], vec![])
    );
    for (reference, candidate, expected) in [
        (
            vec![("Vary", "origin")],
            vec![("Vary", "Origin")],
            "Value vary",
        ),
        (vec![("Vary", "origin")], vec![], "Missing vary"),
        (vec![], vec![("X-New", "1")], "Extra x-new"),
        (vec![("X", "1"), ("X", "2")], vec![("X", "1")], "Missing x"),
        (
            vec![("Allow", "GET, POST")],
            vec![("Allow", "GET, PUT")],
            "RuleViolated allow",
        ),
        (
            vec![("Content-Length", "2")],
            vec![("Content-Length", "3")],
            "Value content-length",
        ),
    ] {
        assert_eq!(headers(&reference, &candidate).0, [expected]);
    }
    assert_eq!(
        headers(&[("Allow", "GET, POST")], &[("Allow", "POST, GET")]),
        (vec![], vec!["Order allow".to_owned()])
    );
}

#[test]
fn content_length_follows_the_body() {
    let (diverged, _) = found(&run(
        &mut Bindings::default(),
        &observation(&[("Content-Length", "8")], r#"{"a": 1}"#, "{}"),
        &observation(&[("Content-Length", "9")], r#"{"a": 10}"#, "{}"),
    ));
    assert_eq!(diverged, ["Value $.a"]);
}

#[test]
fn a_random_cookie_keeps_its_look_and_is_not_shown() {
    let cookie = |value: &'static str| [("Set-Cookie", value)];
    assert_eq!(
        headers(&cookie("csrf=aB3d; Path=/"), &cookie("csrf=Zz99; Path=/")),
        (vec![], vec!["Value set-cookie".to_owned()])
    );
    for wrong in [
        "csrf=Zz9; Path=/",
        "csrf=Zz9!; Path=/",
        "csrf=Zz99; Path=/x",
        "other=Zz99; Path=/",
    ] {
        let comparison = run(
            &mut Bindings::default(),
            &observation(&cookie("csrf=aB3d; Path=/"), "{}", "{}"),
            &observation(&[("Set-Cookie", wrong)], "{}", "{}"),
        );
        assert_eq!(found(&comparison).0, ["RuleViolated set-cookie"], "{wrong}");
        assert!(!format!("{comparison:?}").contains("aB3d"));
    }
}

#[test]
fn new_rows_are_paired_by_content_and_their_numbers_bound() {
    let reference = r#"{"parent": {"inserted": [{"id": 10, "n": "a"}]},
        "child": {"inserted": [{"id": 1, "parent_id": 10, "v": 1, "w": 1}]},
        "event": {"inserted": [{"data": {"pk": 10}}]}}"#;
    let candidate = reference
        .replace("10", "-1")
        .replace("\"id\": 1,", "\"id\": 7,");
    assert_eq!(rows(reference, &candidate), (vec![], vec![]));
    let wrong = candidate.replace("\"parent_id\": -1", "\"parent_id\": 3");
    assert_eq!(
        rows(reference, &wrong).0,
        ["Binding child.inserted[0].parent_id"]
    );
    let wrong = candidate.replace("\"pk\": -1", "\"pk\": 10");
    assert_eq!(
        rows(reference, &wrong).0,
        ["Binding event.inserted[0].data.pk"]
    );
}

#[test]
fn differences_in_rows_are_named_by_table_and_column() {
    let reference = r#"{"t": {"inserted": [{"a": 1, "b": "x", "c": null}],
        "updated": [{"pk": 5, "before": {"a": 1, "b": 1}, "after": {"a": 2, "b": 2}}],
        "deleted": [{"a": 9, "b": 9}]}}"#;
    for (from, to, expected) in [
        ("\"b\": \"x\"", "\"b\": \"y\"", "Value t.inserted[0].b"),
        ("\"c\": null", "\"c\": 0", "Null t.inserted[0].c"),
        (
            "\"after\": {\"a\": 2, \"b\": 2}",
            "\"after\": {\"a\": 3, \"b\": 2}",
            "Value t.updated[0].after.a",
        ),
        (
            "\"after\": {\"a\": 2, \"b\": 2}",
            "\"after\": {\"b\": 2}",
            "Missing t.updated[0].after.a",
        ),
        ("[{\"a\": 9, \"b\": 9}]", "[]", "Missing t.deleted[0]"),
        (
            "[{\"a\": 1, \"b\": \"x\", \"c\": null}]",
            "[]",
            "Missing t.inserted[0]",
        ),
        (
            "[{\"a\": 9, \"b\": 9}]",
            "[{\"a\": 9, \"b\": 9}, {\"a\": 9, \"b\": 9}]",
            "Extra t.deleted[1]",
        ),
    ] {
        assert_eq!(
            rows(reference, &reference.replace(from, to)).0,
            [expected],
            "{to}"
        );
    }
    assert_eq!(
        rows(reference, &reference.replace("\"pk\": 5", "\"pk\": 6")).0,
        ["Missing t.updated[0]", "Extra t.updated[0]"]
    );
}

#[test]
fn insertion_order_counts_unless_a_rule_leaves_it_open() {
    let ordered = r#"{"t": {"inserted": [{"a": 1}, {"a": 2}]}}"#;
    let swapped = r#"{"t": {"inserted": [{"a": 2}, {"a": 1}]}}"#;
    assert_eq!(rows(ordered, swapped).0, ["Order t.inserted"]);
    let child = |text: &str| text.replace("\"t\"", "\"child\"");
    assert_eq!(
        rows(&child(ordered), &child(swapped)),
        (vec![], vec!["Order child.inserted".to_owned()])
    );
}

#[test]
fn rows_may_change_places_only_with_others_of_their_sort() {
    let notes = |order: [(&str, i32); 3]| {
        let rows = order.map(|(sort, n)| format!(r#"{{"sort": "{sort}", "n": {n}}}"#));
        format!(r#"{{"note": {{"inserted": [{}]}}}}"#, rows.join(", "))
    };
    let reference = notes([("a", 1), ("a", 2), ("b", 3)]);
    assert_eq!(
        rows(&reference, &notes([("a", 2), ("a", 1), ("b", 3)])),
        (vec![], vec!["Order note.inserted".to_owned()])
    );
    assert_eq!(
        rows(&reference, &notes([("a", 1), ("b", 3), ("a", 2)])).0,
        ["RuleViolated note.inserted"]
    );
}

#[test]
fn jsonb_has_no_key_order_but_text_inside_a_string_has() {
    let row = |text: &str| {
        format!(r#"{{"log": {{"inserted": [{{"j": {{"a": 1, "b": 2}}, "text": {text:?}}}]}}}}"#)
    };
    let reference = row(r#"{"map":{"x":1,"y":2},"z":[1]}"#);
    assert_eq!(
        rows(
            &reference,
            &reference.replace(r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#)
        ),
        (vec![], vec![])
    );
    assert_eq!(
        rows(&reference, &row(r#"{"map":{"y":2,"x":1},"z":[1]}"#)),
        (
            vec![],
            vec!["Order log.inserted[0].text.(json).map".to_owned()]
        )
    );
    for (wrong, expected) in [
        (
            r#"{"z":[1],"map":{"x":1,"y":2}}"#,
            "Order log.inserted[0].text.(json)",
        ),
        (
            r#"{"map":{"y":2,"x":3},"z":[1]}"#,
            "Value log.inserted[0].text.(json).map.x",
        ),
        (
            r#"{"map": {"x":1,"y":2},"z":[1]}"#,
            "Value log.inserted[0].text",
        ),
    ] {
        assert_eq!(rows(&reference, &row(wrong)).0, [expected], "{wrong}");
    }
}

#[test]
fn bindings_hold_across_steps_and_reach_the_answer() {
    let mut bindings = Bindings::default();
    let step = |id: i32| {
        observation(
            &[],
            &format!(r#"{{"id": {id}}}"#),
            &format!(r#"{{"parent": {{"inserted": [{{"id": {id}, "n": "a"}}]}}}}"#),
        )
    };
    assert_eq!(
        run(&mut bindings, &step(10), &step(20)).outcome,
        Outcome::Match
    );
    let later = |id: i32| observation(&[], &format!(r#"{{"id": {id}}}"#), "{}");
    assert_eq!(
        run(&mut bindings, &later(10), &later(20)).outcome,
        Outcome::Match
    );
    assert_eq!(
        found(&run(&mut bindings, &later(10), &later(10))).0,
        ["Binding $.id"]
    );
    assert_eq!(
        found(&run(&mut bindings, &later(3), &later(4))).0,
        ["Binding $.id"],
        "rows of the seed have the same number on both sides"
    );
}

#[test]
fn without_rows_numbers_are_bound_at_first_sight() {
    let mut bindings = Bindings::default();
    let answer = |ids: &str| {
        let mut observation = observation(&[], &format!(r#"{{"rows": [{ids}]}}"#), "{}");
        observation.effects = None;
        observation
    };
    let two = |a, b| answer(&format!(r#"{{"id": {a}, "n": 1}}, {{"id": {b}, "n": 2}}"#));
    assert_eq!(
        run(&mut bindings, &two(1, 2), &two(5, 6)).outcome,
        Outcome::Match
    );
    assert_eq!(
        found(&run(&mut bindings, &two(1, 2), &two(6, 5))).0,
        ["Binding $.rows[0].id", "Binding $.rows[1].id"]
    );
}

#[test]
fn deep_bodies_fit_on_a_small_stack() {
    let deep = |leaf: &str| {
        let levels = crate::json::MAX_DEPTH - 1;
        format!(
            "{{\"a\":{}{leaf}{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let (reference, candidate) = (deep("1"), deep("2"));
    let (diverged, _) = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || bodies(&reference, &candidate))
        .expect("a thread")
        .join()
        .expect("no overflow");
    assert_eq!(diverged.len(), 1);
}
