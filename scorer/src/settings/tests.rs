use super::*;

const MINIMUM: [(&str, &str); 5] = [
    ("SECRET_KEY", "canary-secret-key"),
    ("CGRANTS_API_TOKEN", "canary-token"),
    ("CERAMIC_CACHE_SCORER_ID", "1"),
    ("TRUSTED_IAM_ISSUERS", r#"["did:key:z"]"#),
    ("DEBUG", "off"),
];

fn with(extra: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Settings::from_pairs(MINIMUM.iter().chain(extra).map(owned))
}

#[test]
fn booleans_follow_the_python_parser() {
    for (text, expected) in [
        ("true", true),
        ("ON", true),
        ("Ok", true),
        ("y", true),
        ("YES", true),
        ("1", true),
        ("2", true),
        ("-1", true),
        ("0", false),
        ("", false),
        ("t", false),
        ("enabled", false),
    ] {
        let settings = with(&[("RATELIMIT_ENABLE", text)]).unwrap();
        assert_eq!(settings.rate_limit, expected, "{text:?}");
    }
}

#[test]
fn feature_flags_need_the_exact_word() {
    assert!(with(&[("FF_V2_API", "on")]).unwrap().v2_api);
    assert!(!with(&[("FF_V2_API", "On")]).unwrap().v2_api);
    assert!(!with(&[("FF_V2_API", "true")]).unwrap().v2_api);
}

#[test]
fn a_dollar_names_another_variable() {
    let settings = with(&[("FF_V2_API", "$OTHER"), ("OTHER", "on")]).unwrap();
    assert!(settings.v2_api);
    let error = with(&[("FF_V2_API", "$A"), ("A", "$FF_V2_API")]).unwrap_err();
    assert!(error.to_string().contains("leads back"), "{error}");
}

#[test]
fn every_problem_is_named_at_once() {
    let error = Settings::from_pairs([("ALLOWED_HOSTS".to_owned(), "x".to_owned())])
        .unwrap_err()
        .to_string();
    for name in [
        "SECRET_KEY",
        "CERAMIC_CACHE_SCORER_ID",
        "CGRANTS_API_TOKEN",
        "ALLOWED_HOSTS",
        "TRUSTED_IAM_ISSUERS",
    ] {
        assert!(error.contains(name), "{name} missing in {error}");
    }
}

#[test]
fn internal_auth_none_needs_no_token() {
    let pairs = MINIMUM
        .iter()
        .filter(|(name, _)| *name != "CGRANTS_API_TOKEN")
        .chain(&[("INTERNAL_AUTH", "none")])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = Settings::from_pairs(pairs).unwrap();
    assert!(matches!(settings.internal_auth, InternalAuth::None));
}

#[test]
fn secrets_stay_out_of_debug_and_errors() {
    let canary = "canary-9b1d";
    let settings = with(&[
        ("SECRET_KEY", canary),
        ("CGRANTS_API_TOKEN", canary),
        ("DEMO_API_KEY", canary),
        ("DEMO_API_KEY_ALIASES", &format!("[{canary:?}]")),
        ("DATABASE_URL", &format!("postgres://u:{canary}@h/d")),
        (
            "CELERY_BROKER_URL",
            &format!("redis://:{canary}@h;redis://:{canary}@i"),
        ),
    ])
    .unwrap();
    assert!(!format!("{settings:?}").contains(canary));
    let error = with(&[("DEMO_API_KEY_ALIASES", canary), ("SCORER_LISTEN", canary)]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(canary));
}

#[test]
fn a_read_database_without_its_url_is_refused() {
    let error = with(&[("REGISTRY_API_READ_DB", "read_replica_0")]).unwrap_err();
    assert!(error.to_string().contains("READ_REPLICA_0_URL"), "{error}");
    let settings = with(&[
        ("REGISTRY_API_READ_DB", "read_replica_0"),
        ("READ_REPLICA_0_URL", "postgres://replica/d"),
    ]);
    assert_eq!(settings.unwrap().registry_read, ReadDatabase::Replica);
}

#[test]
fn several_cache_urls_are_one_for_writes_and_the_rest_for_reads() {
    let settings = with(&[(
        "CELERY_BROKER_URL",
        "redis://a:1/0;redis://b:1/0,redis://c:1/0",
    )]);
    let urls = settings.unwrap().cache.unwrap();
    assert_eq!(urls.write.expose(), "redis://a:1/0");
    assert_eq!(urls.reads.len(), 2);
}

#[test]
fn hosts_default_to_this_machine_only_with_debug_on() {
    assert!(with(&[]).unwrap().allowed_hosts.is_empty());
    let hosts = with(&[("DEBUG", "on")]).unwrap().allowed_hosts;
    assert_eq!(hosts, [".localhost", "127.0.0.1", "[::1]"]);
}

#[test]
fn env_files_have_comments_quotes_and_exports() {
    let text = "# comment\nexport A=1\nB='x y'\nC=\"q\\\"\"\nnot a line\nD=[\"a\"]\n";
    let pairs: Vec<_> = Settings::parse_file(text);
    let expected = [("A", "1"), ("B", "x y"), ("C", "q\""), ("D", "[\"a\"]")];
    assert_eq!(
        pairs,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}
