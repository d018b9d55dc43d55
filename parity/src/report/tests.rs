use bytes::Bytes;

use super::*;
use crate::{
    compare::{Comparison, Observation},
    exchange::{Headers, Request, Response},
    outcome::{Divergence, Kind, Outcome, Place},
    redact::Redactor,
    rules::Rules,
    verdict::{Basis, Policy, Verdict},
};

/// Path, value of the reference, value of the candidate.
type Change = (&'static str, &'static str, &'static str);

fn run(shard: Option<Shard>) -> Run {
    Run {
        command: "replay".into(),
        reference: "recorded".into(),
        candidate: "embedded".into(),
        source: "fixtures".into(),
        started: "2026-01-15T12:00:00Z".into(),
        duration_ms: 0,
        shard,
    }
}

fn policy() -> Policy {
    Policy {
        basis: Basis::Replay,
        ..Policy::default()
    }
}

fn comparison(diverged: &[Change]) -> Comparison {
    Comparison {
        outcome: if diverged.is_empty() {
            Outcome::Match
        } else {
            Outcome::Diverged
        },
        diverged: diverged
            .iter()
            .map(|(path, reference, candidate)| Divergence {
                place: Place::Body,
                path: (*path).to_owned(),
                kind: Kind::Value,
                reference: Some((*reference).to_owned()),
                candidate: Some((*candidate).to_owned()),
                rule: None,
            })
            .collect(),
        tolerated: Vec::new(),
    }
}

fn observe(builder: &mut Builder<'_>, scenario: &str, found: &Comparison) {
    let request = Request {
        method: "GET".into(),
        target: "/x".into(),
        headers: Headers(vec![("X-API-Key".into(), b"planted-secret".to_vec())]),
        body: Bytes::new(),
    };
    let side = Observation {
        response: Response {
            status: 200,
            headers: Headers::default(),
            body: Bytes::from_static(b"{}"),
        },
        effects: None,
    };
    let pair = Pair {
        scenario,
        step: 1,
        route: "x",
    };
    builder.compared(pair, found, &request, &side, &side);
}

fn report(shard: Option<Shard>, scenarios: &[(&str, &[Change])]) -> Report {
    let rules = Rules::none();
    let redactor = Redactor::new(*b"key");
    let mut builder = Builder::new(run(shard), policy(), &rules, redactor);
    for (scenario, diverged) in scenarios {
        observe(&mut builder, scenario, &comparison(diverged));
    }
    builder.latency("x", None, Some(1_500));
    builder.finish("2026-01-15".parse().expect("a date"), 12)
}

const A: Change = ("$.list[3].a", "\"1.25\"", "\"1.26\"");
const B: Change = ("$.b", "1", "2");

#[test]
fn a_report_reads_back_as_it_was_written() {
    let report = report(None, &[("s/1", &[A]), ("s/2", &[])]);
    let text = report.to_json();
    assert_eq!(Report::from_json(&text).expect("reads"), report);
}

#[test]
fn a_run_is_held_against_the_accepted_baseline() {
    const C: Change = ("$.c", "1", "2");
    let accepted = report(None, &[("s/1", &[A]), ("s/2", &[B]), ("s/3", &[])]);
    let baseline = Baseline::accepting(&accepted).expect("a whole run");
    assert_eq!(
        Baseline::from_json(&baseline.to_json()).expect("reads"),
        baseline
    );
    let since = baseline.since(&accepted);
    assert_eq!((since.new.len(), since.gone.len()), (0, 0));

    // B is mended; C is new and comes along with A in its only request.
    let later = report(None, &[("s/1", &[A, C]), ("s/2", &[])]);
    let since = baseline.since(&later);
    let is_new = |path: &str| {
        let cluster = later
            .clusters
            .iter()
            .find(|cluster| cluster.signatures.iter().any(|one| one.path == path));
        since.new.contains(&cluster.expect("a cluster").id)
    };
    assert!(is_new(C.0));
    assert_eq!(since.gone.len(), 1);
    assert_eq!(since.gone[0].signatures[0].path, B.0);
    assert_eq!(since.compared_less, 1);

    let mut shown = later.clone();
    shown.since_baseline = Some(since);
    for text in [terminal(&shown, Style::default()), markdown(&shown)] {
        assert!(text.contains("1 gone, 1 pairs fewer compared"), "{text}");
        assert!(text.contains("new"), "{text}");
    }
    assert!(html_page(&shown).contains(">new<"));
}

/// What always occurs together is one cluster; what joined it later must not pass for known.
#[test]
fn a_new_place_in_a_known_cluster_is_new() {
    let accepted = report(None, &[("s/1", &[A]), ("s/2", &[A])]);
    let later = report(None, &[("s/1", &[A, B]), ("s/2", &[A, B])]);
    assert_eq!(later.clusters.len(), 1, "they always occur together");
    let since = Baseline::accepting(&accepted)
        .expect("a whole run")
        .since(&later);
    assert_eq!(since.new, [later.clusters[0].id.clone()]);
}

#[test]
fn a_part_of_a_run_is_no_baseline_and_a_report_is_none_either() {
    let shard = Some(Shard { index: 1, of: 2 });
    let part = report(shard, &[("s/1", &[])]);
    let error = Baseline::accepting(&part).expect_err("a shard").to_string();
    assert!(error.contains("report merge"), "{error}");
    let other = Baseline::from_json(&report(None, &[]).to_json()).expect_err("a report");
    assert!(other.to_string().contains("baseline"), "{other}");
}

#[test]
fn what_is_no_report_of_ours_is_refused() {
    let good = report(None, &[("s/1", &[])]).to_json();
    for (text, expected) in [
        ("{".to_owned(), "not understood"),
        (good.replace("parity-report", "other"), "format is `other`"),
        (
            good.replacen("\"major\": 1", "\"major\": 9", 1),
            "format 9.1",
        ),
    ] {
        let error = Report::from_json(&text).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn counts_balance_and_divergences_know_their_cluster() {
    let rules = Rules::none();
    let mut builder = Builder::new(run(None), policy(), &rules, Redactor::keep_all("test"));
    observe(&mut builder, "s/1", &comparison(&[A]));
    observe(&mut builder, "s/2", &comparison(&[]));
    for (scenario, why) in [("s/3", LeftOut::TimedOut), ("s/4", LeftOut::NotComparable)] {
        let pair = Pair {
            scenario,
            step: 1,
            route: "x",
        };
        builder.left_out(pair, why, "because");
    }
    let report = builder.finish("2026-01-15".parse().expect("a date"), 1);
    assert!(report.totals.is_balanced());
    assert_eq!((report.totals.seen, report.totals.compared), (4, 2));
    assert_eq!(report.uncompared.len(), 2);
    assert_eq!(report.divergences[0].cluster, report.clusters[0].id);
    assert_eq!(report.divergences[0].pattern, "$.list[*].a");
    assert!(matches!(report.verdict, Verdict::Fail { .. }));
}

#[test]
fn secrets_of_requests_do_not_reach_the_report() {
    assert!(
        !report(None, &[("s/1", &[A])])
            .to_json()
            .contains("planted-secret")
    );
}

/// What was found keeps its cause, whatever of its values may be written.
#[test]
fn secrets_in_values_are_replaced_and_causes_stay_the_same() {
    const LONG: Change = ("$.token", "\"0x5ec2e7\"", "\"0x5ec2e7aa\"");
    const SHORT: Change = ("$.token", "\"0x5ec2\"", "\"0x5ec3\"");
    const ALIKE: Change = ("$.copy", "\"0x5ec2\"", "\"0x5ec3\"");
    let scenarios: [(&str, &[Change]); 3] =
        [("s/1", &[LONG]), ("s/2", &[SHORT, ALIKE]), ("s/3", &[LONG])];
    let collected = |redactor| {
        let rules = Rules::none();
        let mut builder = Builder::new(run(None), policy(), &rules, redactor);
        for (scenario, diverged) in scenarios {
            observe(&mut builder, scenario, &comparison(diverged));
        }
        builder.finish("2026-01-15".parse().expect("a date"), 12)
    };
    let (kept, replaced) = (
        collected(Redactor::keep_all("test")),
        collected(Redactor::new(*b"key")),
    );
    let causes = |report: &Report| -> Vec<_> {
        let clusters = report.clusters.iter();
        clusters
            .map(|one| (one.id.clone(), one.signatures.clone(), one.requests))
            .collect()
    };
    assert_eq!(causes(&replaced), causes(&kept));
    assert_eq!(
        (&replaced.totals, &replaced.verdict),
        (&kept.totals, &kept.verdict)
    );
    assert_eq!(replaced.divergences.len(), 4);
    let pairs = replaced.divergences.iter().zip(&kept.divergences);
    for (written, found) in pairs {
        assert_eq!(written.cluster, found.cluster);
        assert_eq!(written.signature(), found.signature());
        assert_ne!(written.divergence.reference, written.divergence.candidate);
    }
    // The data that happens to equal a secret is kept, as in any body.
    let text = replaced.to_json();
    assert!(!text.contains("0x5ec2e7"), "{text}");
    let again = Report::from_json(&text).expect("reads");
    assert_eq!(again, replaced);
    let merged = merge(vec![again]).expect("merges");
    let ids = |report: &Report| -> Vec<_> {
        let found = report.divergences.iter();
        found.map(|found| found.signature()).collect()
    };
    assert_eq!(ids(&merged), ids(&kept));
}

#[test]
fn merged_shards_say_what_one_run_would_have_said() {
    let shard = |index| Some(Shard { index, of: 2 });
    let whole = report(
        None,
        &[("s/1", &[A, B]), ("s/2", &[A]), ("s/3", &[]), ("s/4", &[B])],
    );
    let merged = merge(vec![
        report(shard(1), &[("s/1", &[A, B]), ("s/3", &[])]),
        report(shard(2), &[("s/2", &[A]), ("s/4", &[B])]),
    ])
    .expect("merges");
    assert_eq!(merged.totals, whole.totals);
    assert_eq!(merged.clusters, whole.clusters);
    assert_eq!(merged.verdict, whole.verdict);
    assert_eq!(merged.run.shard, None);
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let shard = || report(Some(Shard { index: 1, of: 2 }), &[]);
    assert!(matches!(
        merge(vec![shard(), shard()]),
        Err(ReportError::ShardTwice(1, 2))
    ));
    assert!(matches!(merge(vec![]), Err(ReportError::NothingToMerge)));
    let mut other = report(None, &[]);
    other.run.candidate = "http://other".into();
    assert!(matches!(
        merge(vec![shard(), other]),
        Err(ReportError::DifferentRuns(..))
    ));
}

#[test]
fn two_runs_differ_in_new_fixed_and_lasting_clusters() {
    let earlier = report(None, &[("s/1", &[A]), ("s/2", &[B])]);
    let later = report(None, &[("s/1", &[A]), ("s/2", &[("$.c", "1", "2")])]);
    let difference = Difference::between(&earlier, &later);
    let path = |clusters: &[crate::cluster::Cluster]| -> Vec<String> {
        clusters
            .iter()
            .map(|cluster| cluster.signatures[0].path.clone())
            .collect()
    };
    assert_eq!(path(&difference.new), ["$.c"]);
    assert_eq!(path(&difference.fixed), ["$.b"]);
    assert_eq!(path(&difference.still_there), ["$.list[*].a"]);
}

#[test]
fn the_terminal_shows_where_the_values_part() {
    let text = terminal(&report(None, &[("s/1", &[A])]), Style::default());
    for expected in [
        "--> s/1 step 1",
        "GET /x",
        "body $.list[3].a: another value",
        "reference  \"1.25\"",
        "   |                 ^",
        "verdict: fail: diverged",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colour unless asked for");
}

const HOSTILE: Change = (
    "$.a",
    "\"<script>alert(1)</script>\"",
    "\"</script><img src=x onerror=alert(1)> `|*_ & \u{1b}\"",
);

#[test]
fn no_value_becomes_markup() {
    let report = report(None, &[("s/<b>", &[HOSTILE])]);
    let page = html_page(&report);
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    assert_eq!(page.matches("<script>").count(), 1, "only our own script");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("s/<b>"));
    let comment = markdown(&report);
    let outside_code: String = comment.split('`').step_by(2).collect();
    assert!(!outside_code.contains("<script") && !outside_code.contains("<b>"));
    assert!(!junit(&report).contains("<script"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html_page(&report(None, &[("s/1", &[A])]));
    for outside in ["http://", "https://", "src=", "@import", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for section in [
        "id=\"routes\"",
        "id=\"clusters\"",
        "id=\"exchanges\"",
        "id=\"latency\"",
    ] {
        assert!(page.contains(section), "{section}");
    }
}

#[test]
fn junit_has_a_suite_per_route_and_a_failure_per_cluster() {
    let text = junit(&report(None, &[("s/1", &[A, B]), ("s/2", &[A])]));
    assert_eq!(text.matches("<testsuite ").count(), 1, "{text}");
    assert_eq!(text.matches("<failure ").count(), 2, "{text}");
    let clean = junit(&report(None, &[("s/1", &[])]));
    assert!(!clean.contains("<failure") && clean.contains("answers and rows agree"));
}

#[test]
fn markdown_says_verdict_counts_and_causes() {
    let text = markdown(&report(None, &[("s/1", &[A]), ("s/2", &[])]));
    for expected in [
        "## Parity: fail: diverged",
        "2 requests seen, 1 match",
        "| x | 2 | 1 | 0 | 1 |",
        "reference `\"1.25\"`",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
}
