use bytes::Bytes;

use super::*;

fn request() -> Request {
    Request {
        method: "POST".into(),
        target: "/x".into(),
        headers: Headers(vec![
            ("Host".into(), b"api".to_vec()),
            ("X-API-Key".into(), b"s3cret".to_vec()),
            ("authorization".into(), b"Bearer s3cret-token".to_vec()),
            ("Cookie".into(), b"session=s3cret".to_vec()),
            ("X-Unheard-Of".into(), b"s3cret".to_vec()),
        ]),
        body: Bytes::from_static(br#"{"password": "s3cret", "n": 1.0}"#),
    }
}

fn redactor() -> Redactor {
    Redactor::new(*b"key").replace_at(Pattern::parse("$.password").expect("valid"), "$.password")
}

#[test]
fn only_headers_known_to_be_harmless_pass() {
    let redacted = redactor().request(&request());
    let text = serde_json::to_string(&redacted).expect("serialises");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(redacted.headers.get("host"), Some(b"api".as_slice()));
}

#[test]
fn parameters_forms_and_members_are_replaced_by_name() {
    let mut request = request();
    request.target = "/x?a=1&token=s3cret&Key=s3cret".into();
    request.body = Bytes::from_static(
        br#"{"a": [{"Pr\\u006fof": {"jws": "s3cret"}}, {"token": null}], "access_token": "s3cret"}"#,
    );
    let redactor = Redactor::new(*b"key");
    let redacted = redactor.request(&request);
    let text = serde_json::to_string(&redacted).expect("serialises");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(redacted.target.starts_with("/x?a=1&token=redacted:"));
    assert!(text.contains("null"), "what is absent stays absent: {text}");

    let response = Response {
        status: 302,
        headers: Headers(vec![
            ("Location".into(), b"/y?code=s3cret&b=2".to_vec()),
            (
                "Content-Type".into(),
                b"application/x-www-form-urlencoded".to_vec(),
            ),
        ]),
        body: Bytes::from_static(b"password=s3cret&n=1"),
    };
    let redacted = redactor.response(&response);
    let text = serde_json::to_string(&redacted).expect("serialises");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(redacted.body.ends_with(b"&n=1"));
}

#[test]
fn broken_json_that_names_a_secret_is_replaced_whole() {
    let redacted = |body: &'static [u8]| {
        let mut request = request();
        request.body = Bytes::from_static(body);
        Redactor::new(*b"key").request(&request).body
    };
    for body in [
        &br#"{"Password": "s3cret",}"#[..],
        br#" [{"proof": {"jws": "s3cr"#,
        b"{\"token\": \"s3cret\xff\"}",
    ] {
        assert!(redacted(body).starts_with(b"redacted:"));
    }
    for body in [&b"{\"a\": 1,}"[..], b"<p>a token is missing</p>"] {
        assert_eq!(redacted(body), body);
    }
}

#[test]
fn what_has_no_secret_is_untouched_to_the_byte() {
    let mut request = request();
    request.target = "/x?a=%41&&b".into();
    request.body = Bytes::from_static(b"{ \"n\" :1.0,\n\"s\":\"\\u00e9\"}");
    let redacted = Redactor::new(*b"key").request(&request);
    assert_eq!(redacted.target, request.target);
    assert_eq!(redacted.body, request.body);
}

#[test]
fn passwords_in_addresses_are_masked() {
    for (text, masked) in [
        ("http://u:p@h:1/x", "http://***@h:1/x"),
        (
            "`postgres://u:p@ss@h/d` and a@b",
            "`postgres://***@h/d` and a@b",
        ),
        ("http://h/?m=a@b", "http://h/?m=a@b"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(mask_user_info(text), masked);
    }
}

#[test]
fn equal_values_get_equal_tokens_and_other_keys_other_tokens() {
    let redacted = redactor().request(&request());
    assert_eq!(
        redacted.headers.get("x-api-key"),
        redacted.headers.get("x-unheard-of")
    );
    let other = Redactor::new(*b"other").request(&request());
    assert_ne!(
        redacted.headers.get("x-api-key"),
        other.headers.get("x-api-key")
    );
}

#[test]
fn a_body_keeps_its_shape() {
    let redacted = redactor().request(&request());
    let body = json::parse(&redacted.body).expect("still JSON");
    assert_eq!(body.get("n").map(Value::to_text).as_deref(), Some("1.0"));
}

#[test]
fn settings_that_speak_of_secrets_are_replaced() {
    let redactor = redactor();
    for name in ["SECRET_KEY", "CGRANTS_API_TOKEN", "DATABASE_URL"] {
        assert!(redactor.setting(name, "value").starts_with("redacted:"));
    }
    assert_eq!(redactor.setting("FF_V2_API", "on"), "on");
}

#[test]
fn debug_output_does_not_show_the_key() {
    assert!(!format!("{:?}", Redactor::new(*b"hush-hush")).contains("104"));
    assert!(!format!("{:?}", Redactor::new(*b"hush-hush")).contains("hush"));
}

#[test]
fn no_secret_is_in_the_cache_of_a_step() {
    let step = r#"{"scenario": "s", "step": 1, "tags": [], "clock": null, "effects": null,
        "request": {"method": "GET", "target": "/", "headers": []}, "response": {"status": 200, "headers": []},
        "redis": {"set": {
            ":1:session:7": {"value": "s3cret", "ttl_s": 5},
            "object": {"value": {"token": "s3cret", "n": 1.0}, "ttl_s": null},
            "document": {"value": "{\"jws\": \"s3cret\", \"n\": 1.0}", "ttl_s": 5},
            "broken": {"value": "{\"jws\": \"s3cret", "ttl_s": 5},
            "pointed": {"value": "s3cret", "ttl_s": 5},
            "within": {"value": "{\"a\": \"s3cret\"}", "ttl_s": 5},
            "count": {"value": 7, "ttl_s": 5}
        }}}"#;
    let step: Step = serde_json::from_str(step).expect("a step");
    let paths = ["cache.pointed", "cache.within.(json).a"];
    let redactor = paths.iter().fold(Redactor::new(*b"key"), |redactor, path| {
        redactor.replace_at(Pattern::parse(path).expect("valid"), path)
    });
    let written = redactor.step(&step);
    let text = serde_json::to_string(&written).expect("serialises");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(text.matches("redacted:").count(), 6, "{text}");
    let entry = |step: &Step, name: &str| step.cache.as_ref().expect("a cache").set[name].clone();
    assert_eq!(entry(&written, "count"), entry(&step, "count"));
    assert!(
        text.contains(r#""n": 1.0"#) && text.contains(r#"\"n\": 1.0"#),
        "{text}"
    );
    let kept = Redactor::keep_all("test values").step(&step);
    assert_eq!(kept.cache, step.cache);
}

#[test]
fn what_a_recording_replaces_is_replaced_again() {
    let recording = redactor().replace_parameter("pin").keep_header("X-Kept");
    let record = recording.record();
    let again = Redactor::as_recorded(&record, *b"other").expect("a record");
    let mut request = request();
    request.target = "/x?pin=s3cret".into();
    request.headers.0.push(("x-kept".into(), b"seen".to_vec()));
    let written = again.request(&request);
    let text = serde_json::to_string(&written).expect("serialises");
    assert!(!text.contains("s3cret") && text.contains("seen"), "{text}");

    let sorted = |record| match record {
        RedactionRecord::Replaced {
            mut names,
            kept_headers,
            paths,
        } => {
            names.sort();
            (names, kept_headers, paths)
        }
        RedactionRecord::Kept { reason } => panic!("{reason}"),
    };
    assert_eq!(sorted(again.record()), sorted(record));

    let mut broken = again.record();
    if let RedactionRecord::Replaced { paths, .. } = &mut broken {
        paths.push("$[".into());
    }
    assert!(Redactor::as_recorded(&broken, *b"key").is_err());
}
