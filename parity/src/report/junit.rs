//! The report as JUnit XML, for CI systems: one suite per route, one case per cluster or per clean
//! route.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{
    model::{Report, RouteReport},
    terminal::verdict_text,
};
use crate::cluster::Cluster;

/// Writes the report as JUnit XML.
pub fn junit(report: &Report) -> String {
    let mut document = Document::new(format!(
        "parity of {} with {}",
        report.run.candidate, report.run.reference
    ));
    for route in &report.routes {
        document.add_test_suite(suite(report, route));
    }
    document
        .to_string()
        .expect("JUnit XML is made of text alone")
}

fn suite(report: &Report, route: &RouteReport) -> TestSuite {
    let mut suite = TestSuite::new(route.route.clone());
    let clusters: Vec<&Cluster> = report
        .clusters
        .iter()
        .filter(|cluster| cluster.route == route.route)
        .collect();
    for cluster in &clusters {
        suite.add_test_case(failed(report, cluster));
    }
    let uncompared = route.accounting.seen - route.accounting.compared;
    let mut case = if clusters.is_empty() && route.accounting.compared > 0 {
        TestCase::new("answers and rows agree", TestCaseStatus::success())
    } else if clusters.is_empty() {
        let mut status = TestCaseStatus::skipped();
        status.set_message("nothing was compared");
        TestCase::new("answers and rows agree", status)
    } else {
        return suite;
    };
    case.set_system_out(format!(
        "{} compared, {} tolerated, {uncompared} not compared; verdict {}",
        route.accounting.compared,
        route.accounting.tolerated,
        verdict_text(route.judgement.verdict)
    ));
    suite.add_test_case(case);
    suite
}

fn failed(report: &Report, cluster: &Cluster) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(format!(
            "{} requests diverge: {}",
            cluster.requests,
            cluster.title()
        ))
        .set_type(format!("{:?}", cluster.sample.kind));
    let mut text = String::new();
    for found in report
        .divergences
        .iter()
        .filter(|found| found.cluster == cluster.id)
        .take(10)
    {
        text.push_str(&format!(
            "{} step {}: {}\n  reference: {}\n  candidate: {}\n",
            found.scenario,
            found.step,
            found.divergence.path,
            found.divergence.reference.as_deref().unwrap_or("(absent)"),
            found.divergence.candidate.as_deref().unwrap_or("(absent)"),
        ));
    }
    status.set_description(text);
    TestCase::new(cluster.title(), status)
}
