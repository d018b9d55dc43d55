//! Fixtures that hold secrets although their manifest says what has to be replaced: nothing that is
//! made from them holds any.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use parity::{
    fixture::{Corpus, Group, Scenario, Step},
    path::Pattern,
    redact::Redactor,
};
use parity_cli::http_server::HttpServer;

use crate::{
    planted::{CANARY, Leaky, MARKER, requests, response},
    runs::{Runs, assert_clean},
};

/// Only the manifest knows that these two are secrets.
const PLACE: &str = "$.named_by_its_place";
const PARAMETER: &str = "pin";

/// Writes fixtures as they are, under a manifest that demands redaction.
fn write(corpus: &Corpus, directory: &Path) {
    corpus
        .write(directory, &Redactor::keep_all("replaced below"))
        .unwrap();
    let redactor = Redactor::new(*b"key")
        .replace_at(Pattern::parse(PLACE).unwrap(), PLACE)
        .replace_parameter(PARAMETER);
    let path = directory.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["redaction"] = serde_json::to_value(redactor.record()).unwrap();
    fs::write(path, manifest.to_string()).unwrap();
}

/// The step with secrets in all of its slots.
fn planted(mut step: Step) -> Step {
    let separator = if step.request.target.contains('?') {
        '&'
    } else {
        '?'
    };
    step.request.target += &format!(
        "{separator}x={MARKER}-target&token={CANARY}-token&{PARAMETER}={CANARY}-parameter"
    );
    let fields = requests()[0].headers.0.clone().into_iter();
    let own = fields.filter(|(name, _)| !["Host", "Content-Type"].contains(&name.as_str()));
    step.request.headers.0.extend(own);
    let body = format!(
        r#"{{"named_by_its_place": "{CANARY}-place", {}"#,
        &String::from_utf8_lossy(&response("recorded").body)[1..]
    );
    step.response = response("recorded");
    step.response
        .headers
        .0
        .retain(|(name, _)| name != "Content-Length");
    step.response
        .headers
        .0
        .push(("Content-Length".into(), body.len().to_string().into_bytes()));
    step.response.body = Bytes::from(body);
    step
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_fixtures_is_in_a_replay_or_a_load() {
    let (directory, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let step = Step {
        scenario: format!("{MARKER}/1"),
        step: 1,
        tags: Vec::new(),
        clock: None,
        sql_before: None,
        redis_flush_before: false,
        request: requests()[0].clone(),
        response: response("recorded"),
        latency_us: None,
        effects: None,
        cache: None,
    };
    let scenario = Scenario {
        name: step.scenario.clone(),
        steps: vec![planted(step)],
    };
    let corpus = Corpus {
        groups: vec![Group {
            name: "planted".into(),
            scenarios: vec![scenario],
        }],
        ..Corpus::default()
    };
    write(&corpus, secrets.path());
    let rules =
        format!("version = 1\n[[route]]\nname = \"{MARKER}\"\nmethod = \"GET\"\npath = \"/a\"\n");
    fs::write(secrets.path().join("rules.toml"), rules).unwrap();
    let candidate = Leaky {
        pool: None,
        name: "candidate",
    };
    let candidate = HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::new(candidate))
        .await
        .unwrap();
    let candidate = format!("http://{}", candidate.address());

    let runs = Runs {
        directory: directory.path().to_owned(),
    };
    let fixtures = secrets.path().to_str().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let replay = [
        "replay",
        fixtures,
        "--candidate",
        &candidate,
        "--report-dir",
        &place("report"),
    ];
    runs.run("replay", &replay, 1);
    let load = [
        ["load", fixtures],
        ["--candidate", &candidate],
        ["--reference", &candidate],
        ["--route", MARKER],
        ["--vus", "1"],
        ["--turns", "1"],
        ["--duration", "1"],
        ["--warm-up", "0"],
        ["--out", &place("load")],
    ];
    runs.run("load", &load.concat(), 1);
    let artefacts = [
        "replay.out",
        "report/report.json",
        "load.out",
        "load/summary.json",
    ];
    assert_clean(directory.path(), &artefacts);
    let report = fs::read_to_string(directory.path().join("report/report.json")).unwrap();
    for replaced in [PLACE, &format!("{PARAMETER}=redacted:")] {
        assert!(report.contains(replaced), "{replaced} is not in {report}");
    }
}

#[test]
fn no_secret_of_fixtures_rows_or_settings_is_in_a_demo() {
    let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let (directory, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut corpus = Corpus::read(&public).unwrap();
    corpus.groups.retain(|group| group.name == "v2-score");
    let scenarios = &mut corpus.groups[0].scenarios;
    scenarios.retain(|scenario| scenario.steps.len() == 1);
    scenarios.truncate(6);
    for scenario in scenarios {
        scenario.steps = scenario.steps.drain(..).map(planted).collect();
    }
    for (name, value) in &mut corpus.settings {
        if ["SECRET_KEY", "CGRANTS_API_TOKEN"].contains(&name.as_str()) {
            *value = format!("{CANARY}-setting");
        }
    }
    *corpus.seed.as_mut().unwrap() += &format!(
        "UPDATE ceramic_cache_ceramiccache SET proof_value = '{CANARY}-row',
             stamp = jsonb_set(stamp, '{{proof}}', '\"{CANARY}-row\"')
         WHERE jsonb_typeof(stamp) = 'object';"
    );
    write(&corpus, secrets.path());
    fs::copy(public.join("rules.toml"), secrets.path().join("rules.toml")).unwrap();
    let runs = Runs {
        directory: directory.path().to_owned(),
    };
    let report = directory.path().join("report");
    let demo = [
        ["demo", "--clean"],
        ["--fixtures", secrets.path().to_str().unwrap()],
        ["--report-dir", report.to_str().unwrap()],
    ];
    runs.run("demo", &demo.concat(), 1);
    let said = fs::read_to_string(directory.path().join("demo.out")).unwrap();
    assert!(said.contains("6 compared"), "{said}");
    assert_clean(
        directory.path(),
        &["report/report.json", "report/report.html"],
    );
}
