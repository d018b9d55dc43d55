use bytes::Bytes;

use super::*;
use crate::exchange::Headers;

fn rule(equivalence: &str, path: &str) -> String {
    format!(
        r#"
version = 1
[[rule]]
id = "r"
paths = ["{path}"]
equivalence = {equivalence}
reason = "why"
evidence = {{ n = 10, rate = 0.5, interval = [0.2, 0.8] }}
author = "someone"
expires = "2026-06-30"
"#
    )
}

fn passport() -> Rules {
    Rules::load(include_str!("../../../fixtures/passport/rules.toml")).expect("valid")
}

fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.into(),
        target: target.into(),
        headers: Headers::default(),
        body: Bytes::new(),
    }
}

#[test]
fn mistakes_in_the_file_are_named() {
    let good = rule("\"unordered\"", "$.a");
    assert!(Rules::load(&good).is_ok());
    let cases = [
        (good.replace("reason", "because"), "line 7"),
        (good.replace("version = 1", "version = 9"), "format 9"),
        (rule("\"ignore\"", "$.a"), "unknown variant `ignore`"),
        (
            rule("\"unordered\"", "$..a"),
            "rule `r`: `$..a` is not a path",
        ),
        (rule("\"header_set\"", "$.a"), "header.<name>"),
        (
            rule("{ significant_digits = { digits = 0 } }", "$.a"),
            "digits must be",
        ),
        (
            rule("{ keyed_list = { keys = [] } }", "$.a"),
            "needs at least one key",
        ),
        (
            good.replace("rate = 0.5", "rate = 0.9"),
            "interval[0] <= rate",
        ),
        (good.replace("\"why\"", "\" \""), "`reason` is empty"),
        (
            good.replace("paths = [\"$.a\"]", "paths = []"),
            "at least one path",
        ),
        (good.replace("2026-06-30", "soon"), "line 10"),
        (
            format!("{good}{}", &good["\nversion = 1".len()..]),
            "two rules have this id",
        ),
        (
            good.replace("author", "colour = 1\nauthor"),
            "unknown field `colour`",
        ),
    ];
    for (text, expected) in cases {
        let error = Rules::load(&text).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "{error:?} should say {expected:?}"
        );
    }
}

#[test]
fn unneeded_and_expired_rules_are_found() {
    let rules = Rules::load(&rule("\"unordered\"", "$.a")).expect("valid");
    let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
    let fresh = rules.audit(&BTreeSet::from(["r".to_owned()]), day("2026-06-30"));
    assert_eq!(fresh, Audit::default());
    let stale = rules.audit(&BTreeSet::new(), day("2026-07-01"));
    assert_eq!(
        (stale.dead, stale.expired),
        (vec!["r".into()], vec!["r".into()])
    );
}

#[test]
fn requests_are_classified_by_decoded_path_and_method() {
    let rules = passport();
    for (method, target, route) in [
        ("GET", "/v2/stamps/1/score/0xab?x=/y", "v2-score"),
        ("get", "/v2/stamps/1/score/0xab", "v2-score"),
        ("GET", "/internal%2Fembed/weights", "embed-weights"),
        (
            "PUT",
            "/ceramic-cache/stamps/bulk",
            "ceramic-bulk:other-method",
        ),
        ("GET", "/internal/score/v2/x/0xab", OTHER_ROUTE),
        ("GET", "/internal/score/v2/0001/0xab", "internal-score-v2"),
        ("GET", "/internal/allow-list/a%2Fb/c", OTHER_ROUTE),
        ("GET", "/internal/embed/weights/", OTHER_ROUTE),
        ("GET", "/v2/stamps/1/score/", OTHER_ROUTE),
        ("GET", "/%zz", OTHER_ROUTE),
    ] {
        assert_eq!(
            rules.route(&request(method, target), &[]),
            route,
            "{method} {target}"
        );
    }
    let tagged = rules.route(&request("GET", "/"), &["ep:somewhere".into(), "ok".into()]);
    assert_eq!(tagged, "somewhere");
}

#[test]
fn parents_rank_below_the_tables_that_refer_to_them() {
    let rules = passport();
    let rank = |table| rules.identities().rank(table);
    assert!(rank("registry_passport") < rank("registry_score"));
    assert!(rank("registry_score") < rank("registry_event"));
    assert!(rank("registry_passport") < rank("registry_stamp"));
}

#[test]
fn every_passport_rule_carries_its_evidence() {
    for rule in passport().rules() {
        let evidence = &rule.entry.evidence;
        assert!(evidence.n > 0 && evidence.source.is_some(), "{}", rule.id());
    }
}
