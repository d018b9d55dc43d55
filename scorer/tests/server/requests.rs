//! What a single request gets.

use crate::support::{TOKEN, exchange, last, start, status};

#[tokio::test]
async fn bytes_that_are_no_request_get_the_answer_of_the_python_server() {
    let server = start(&[]).await;
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ] {
        let response = exchange(server.address(), bytes).await;
        assert_eq!(status(&response), "400", "{response}");
        assert!(response.contains("content-type: text/plain; charset=utf-8\r\n"));
        assert!(response.ends_with("\r\n\r\nInvalid HTTP request received."));
    }
}

#[tokio::test]
async fn targets_reach_the_service_as_sent() {
    let server = start(&[]).await;
    for (target, expected) in [
        // Routed with the hash sign in the path, hence refused for its missing token.
        ("/internal/customization/credential/a#b", "401"),
        ("/internal/allow-list/<a>/{b}", "401"),
        ("/internal/allow-list/a%2Fb/c", "404"),
        ("/internal%2Fcheck-bans", "405"),
        ("http://h/internal/check-bans", "404"),
        ("/internal/check-bans#", "404"),
    ] {
        let response = exchange(server.address(), &last(&format!("GET {target}"), "")).await;
        assert_eq!(status(&response), expected, "{target}: {response}");
    }
}

#[tokio::test]
async fn responses_have_the_headers_of_the_python_service_in_its_order() {
    let server = start(&[]).await;
    let response = exchange(server.address(), &last("HEAD /internal/check-bans", "")).await;
    let names: Vec<_> = response
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect();
    assert_eq!(
        names,
        [
            "date",
            "server",
            "Content-Type",
            "Allow",
            "X-Frame-Options",
            "Content-Length",
            "Vary",
            "X-Content-Type-Options",
            "Referrer-Policy",
            "Cross-Origin-Opener-Policy",
            "Connection",
        ]
    );
    assert!(response.ends_with("\r\n\r\n"), "a HEAD has no body");
}

#[tokio::test]
async fn views_outside_the_api_ask_unsafe_methods_for_a_form_token() {
    let server = start(&[]).await;
    for target in ["/", "/health/", "/internal/"] {
        for (fields, length) in [
            ("", "1382"),
            ("Origin: https://a.test\r\n", "1019"),
            (
                "Cookie: csrftoken=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                "1019",
            ),
        ] {
            let request = last(&format!("POST {target}"), fields);
            let response = exchange(server.address(), &request).await;
            assert_eq!(status(&response), "403", "{target} {response}");
            let length = format!("Content-Length: {length}\r\n");
            assert!(response.contains(&length), "{target} {fields}: {response}");
        }
    }
    let response = exchange(server.address(), &last("GET /health/", "")).await;
    assert!(response.ends_with("\r\n\r\nOk"), "{response}");
}

#[tokio::test]
async fn redirects_are_chunked() {
    let server = start(&[]).await;
    let response = exchange(server.address(), &last("GET /internal?a=b", "")).await;
    assert_eq!(status(&response), "301");
    assert!(response.contains("Location: /internal/?a=b\r\n"));
    assert!(response.contains("Transfer-Encoding: chunked\r\n"));
    assert!(response.ends_with("\r\n\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn a_body_announced_too_long_is_refused_after_authentication() {
    let server = start(&[]).await;
    let fields = "Content-Length: 2621441\r\n";
    let request = last("POST /internal/check-bans", fields);
    let response = exchange(server.address(), &request).await;
    assert_eq!(status(&response), "401");
    let fields = format!("{fields}Authorization: {TOKEN}\r\n");
    let request = last("POST /internal/check-bans", &fields);
    let response = exchange(server.address(), &request).await;
    assert!(response.contains("Bad Request (400)"), "{response}");
}

#[tokio::test]
async fn chunked_bodies_are_read() {
    let server = start(&[]).await;
    let fields = format!("Authorization: {TOKEN}\r\nTransfer-Encoding: chunked\r\n");
    let mut request = last("POST /internal/check-bans", &fields);
    request.extend_from_slice(b"1\r\n[\r\n1\r\n]\r\n0\r\n\r\n");
    let response = exchange(server.address(), &request).await;
    assert!(response.ends_with(r#"{"detail": "Must provide valid credential(s)"}"#));
}

#[tokio::test]
async fn hosts_that_are_not_allowed_are_refused() {
    let server = start(&[]).await;
    let request = b"GET /nope HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n";
    let response = exchange(server.address(), request).await;
    assert_eq!(status(&response), "400");
    assert!(response.contains("Transfer-Encoding: chunked\r\n"));
}

#[tokio::test]
async fn operators_see_that_it_is_up_but_not_ready_without_its_database() {
    let server = start(&[]).await;
    let response = exchange(server.address(), &last("GET /health", "")).await;
    assert_eq!(status(&response), "200");
    let response = exchange(server.address(), &last("GET /ready", "")).await;
    assert_eq!(status(&response), "503");
    assert!(response.ends_with("the database does not answer"));
    let _ = exchange(server.address(), &last("GET /nope", "")).await;
    let metrics = exchange(server.metrics_address(), &last("GET /metrics", "")).await;
    let counted = r#"scorer_requests_total{method="GET",route="other-route",status="404"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}
