use std::{fs, path::Path};

use super::{
    Ended, fixtures, parity_cli,
    scorers::{Scorers, spoilt},
};

async fn explore(sides: Vec<String>, extra: &[&str]) -> Ended {
    let mut arguments = vec!["explore".to_owned(), fixtures().display().to_string()];
    arguments.extend(sides);
    arguments.extend(extra.iter().map(|&text| text.to_owned()));
    parity_cli(arguments).await
}

/// What was saved, by name of the directory: the questions asked, as curl.
fn saved(out: &Path) -> Vec<(String, String)> {
    let mut saved: Vec<_> = fs::read_dir(out)
        .expect("a directory")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let curl = fs::read_to_string(path.join("curl.sh")).expect("curl.sh");
            (name.into_owned(), curl)
        })
        .collect();
    saved.sort();
    saved
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_fault_is_found_shrunk_and_saved_the_same_way_twice() {
    let scorers = Scorers::start().await;
    let front = spoilt(&scorers.candidate.url, "header-nosniff-missing").await;
    let sides = scorers.sides_with(&format!("http://{}", front.address()));
    let directory = tempfile::tempdir().unwrap();
    // The description the scorer serves, not the one built in.
    let served = reqwest::get(format!("{}/openapi.json", scorers.reference.url));
    let description = directory.path().join("openapi.json");
    fs::write(&description, served.await.unwrap().text().await.unwrap()).unwrap();
    let description = description.display().to_string();
    let mut runs = Vec::new();
    for name in ["first", "second"] {
        let out = directory.path().join(name);
        let path = out.display().to_string();
        let extra = [
            ["--description", &description],
            ["--seed", "11"],
            ["--count", "40"],
            ["--most", "2"],
            ["--budget", "40"],
            ["--seed-budget", "0"],
            ["--out", &path],
        ];
        let ended = explore(sides.clone(), &extra.concat()).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stdout.contains("with seed 11"), "{}", ended.stdout);
        runs.push(saved(&out));
    }
    assert_eq!(runs[0], runs[1]);
    assert!((1..=2).contains(&runs[0].len()), "{:?}", runs[0]);
    for (name, curl) in &runs[0] {
        assert_eq!(curl.matches("curl --silent").count(), 1, "{curl}");
        let fixtures = directory.path().join("first").join(name).join("fixtures");
        assert!(parity::fixture::Reader::open(&fixtures).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_scorers_answer_made_up_questions_alike_and_the_bound_holds() {
    let scorers = Scorers::start().await;
    let ended = explore(scorers.sides(), &["--seed", "5", "--count", "60"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended
            .stdout
            .starts_with("60 scenarios made up with seed 5, 0 kinds"),
        "{}",
        ended.stdout
    );
}
