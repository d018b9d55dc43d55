use super::*;

fn divergence(path: &str, reference: &str, candidate: &str) -> Divergence {
    Divergence {
        place: Place::Body,
        path: path.to_owned(),
        kind: Kind::Value,
        reference: Some(reference.to_owned()),
        candidate: Some(candidate.to_owned()),
        rule: None,
    }
}

fn observe(clusters: &mut Clusters, request: &str, diverged: &[Divergence]) {
    let sighting = Sighting {
        request,
        route: "r",
        at: request,
    };
    clusters.observe(&Rules::none(), sighting, diverged);
}

#[test]
fn indices_do_not_tell_causes_apart_but_shapes_do() {
    let mut clusters = Clusters::default();
    observe(&mut clusters, "1", &[divergence("$.a[0]", "1", "2")]);
    observe(&mut clusters, "2", &[divergence("$.a[7]", "3", "4")]);
    observe(&mut clusters, "3", &[divergence("$.a[7]", "3", "null")]);
    let ranked = clusters.ranked();
    let requests: Vec<u64> = ranked.iter().map(|cluster| cluster.requests).collect();
    assert_eq!(requests, [2, 1]);
    assert_eq!(ranked[0].signatures[0].path, "$.a[*]");
    assert_eq!(
        (ranked[0].first_seen.as_str(), ranked[0].last_seen.as_str()),
        ("1", "2")
    );
}

#[test]
fn keys_that_are_data_do_not_tell_causes_apart() {
    let rules = Rules::load("version = 1\ndata_keys = [\"$.stamps\"]").expect("valid");
    let signature = |path| Signature::of(&rules, "r", &divergence(path, "1", "2"));
    assert_eq!(signature("$.stamps.Google.score").path, "$.stamps.*.score");
    assert_eq!(
        signature(r#"$.stamps["ETHDaysActive#50"].score"#),
        signature("$.stamps.Google.score")
    );
    assert_ne!(
        signature("$.stamps.Google.score"),
        signature("$.stamps.Google.dedup")
    );
}

#[test]
fn what_always_occurs_together_is_one_cluster_with_every_signature_listed() {
    let mut clusters = Clusters::default();
    for request in ["1", "2", "3"] {
        let both = [
            divergence("$.a", "1", "2"),
            divergence("$.b", "\"x\"", "\"y\""),
        ];
        observe(&mut clusters, request, &both);
    }
    let ranked = clusters.ranked();
    assert_eq!(ranked.len(), 1);
    assert_eq!((ranked[0].requests, ranked[0].divergences), (3, 6));
    assert_eq!(ranked[0].signatures.len(), 2);
}

#[test]
fn what_occurs_apart_once_is_another_cluster() {
    let mut clusters = Clusters::default();
    let (a, b) = (
        divergence("$.a", "1", "2"),
        divergence("$.b", "\"x\"", "\"y\""),
    );
    observe(&mut clusters, "1", &[a.clone(), b.clone()]);
    observe(&mut clusters, "2", &[a.clone(), b]);
    observe(&mut clusters, "3", &[a]);
    assert_eq!(clusters.ranked().len(), 2);
}

#[test]
fn in_a_single_request_only_the_same_change_is_one_cause() {
    let mut clusters = Clusters::default();
    let three = [
        divergence("$.score", "\"1.0\"", "\"2.0\""),
        divergence("$.copy", "\"1.0\"", "\"2.0\""),
        divergence("$.name", "\"x\"", "\"y\""),
    ];
    observe(&mut clusters, "1", &three);
    assert_eq!(clusters.ranked().len(), 2);
}

#[test]
fn a_cluster_keeps_its_name_from_run_to_run() {
    let name = |request: &str| {
        let mut clusters = Clusters::default();
        observe(&mut clusters, request, &[divergence("$.a", "1", "2")]);
        clusters.ranked()[0].id.clone()
    };
    assert_eq!(name("1"), name("2"));
    assert_eq!(name("1").len(), 12);
}

#[test]
fn memory_is_bounded_and_the_rest_is_counted() {
    let mut clusters = Clusters::default();
    let many: Vec<Divergence> = (0..MOST_SIGNATURES + 3)
        .map(|n| divergence(&format!("$.k{n}"), "1", "2"))
        .collect();
    observe(&mut clusters, "1", &many);
    assert_eq!(clusters.unnamed(), 3);
}

#[test]
fn replicas_that_add_up_what_they_saw_find_what_one_would_have_found() {
    let seen: [(&str, &[Divergence]); 5] = [
        (
            "1",
            &[divergence("$.a", "1", "2"), divergence("$.b", "1", "2")],
        ),
        ("2", &[divergence("$.c[0]", "1", "null")]),
        (
            "3",
            &[divergence("$.b", "5", "6"), divergence("$.a", "3", "4")],
        ),
        ("4", &[divergence("$.c[3]", "2", "null")]),
        (
            "5",
            &[divergence("$.a", "1", "2"), divergence("$.b", "1", "2")],
        ),
    ];
    let mut one = Clusters::default();
    let mut replicas = [Clusters::default(), Clusters::default()];
    for (number, (request, diverged)) in seen.into_iter().enumerate() {
        observe(&mut one, request, diverged);
        observe(&mut replicas[number % 2], request, diverged);
    }
    let mut sum = Clusters::default();
    for replica in &replicas {
        for (signature, group) in replica.groups() {
            let written = serde_json::to_string(group).expect("serialises");
            let read = serde_json::from_str(&written).expect("reads back");
            sum.add(signature.clone(), read);
        }
    }
    let known = |clusters: &Clusters| -> Vec<Cluster> {
        let mut ranked = clusters.ranked();
        ranked
            .iter_mut()
            .for_each(|cluster| cluster.examples.sort());
        ranked
    };
    assert_eq!(known(&sum), known(&one));
    assert_eq!(sum.ranked().len(), 2, "$.a with $.b, and $.c");
}
