//! What is mirrored, what is not, and what is found.

use shadow_proxy::{
    Proxy,
    config::{RouteConfig, WritePolicy, operation::Rung, units::Size},
    stage::Standing,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Backend, get, raw, settled, shadowing};

fn json(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn equal_answers_match_and_different_ones_diverge_unseen_by_the_client() {
    let reference = Backend::answering(&json(r#"{"score": "1.10000"}"#)).await;
    let candidate = Backend::start(|request| {
        let score = if request.line().contains("/bad") {
            "1.1"
        } else {
            "1.10000"
        };
        json(&format!(r#"{{"score": "{score}"}}"#))
    })
    .await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    for target in ["/good", "/bad", "/good"] {
        let answer = get(proxy.address(), target).await;
        assert!(answer.ends_with(r#"{"score": "1.10000"}"#), "{answer}");
    }
    let stats = settled(&proxy).await;
    assert_eq!(
        (stats.seen, stats.matched, stats.diverged),
        (3, 2, 1),
        "{stats:?}"
    );
    let found = proxy.findings().recent();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line.request.target, "/bad");
    assert_eq!(found[0].line.diverged[0].path, "$.score");
}

#[tokio::test]
async fn the_candidate_gets_the_request_as_the_reference_got_it() {
    let reference = Backend::answering(&json("{}")).await;
    let candidate = Backend::answering(&json("{}")).await;
    let mut config = shadowing(&reference, &candidate);
    config.routes = vec![RouteConfig {
        writes: Some(WritePolicy::Isolated),
        ..RouteConfig::new("any", "POST", "/a#b")
    }];
    let proxy = Proxy::start(config).await.unwrap();
    raw(
        proxy.address(),
        b"POST /a#b HTTP/1.1\r\nHost: h\r\nX-API-Key: k\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    .await;
    let stats = settled(&proxy).await;
    assert_eq!(stats.matched, 1, "{stats:?}");
    let (sent, mirrored) = (reference.arrived().remove(0), candidate.arrived().remove(0));
    assert_eq!(mirrored.line(), "POST /a#b HTTP/1.1");
    assert_eq!(mirrored.body, b"abc");
    for name in ["host", "x-api-key", "x-forwarded-for"] {
        let value = |line: &str| line.split_once(':').unwrap().1.to_owned();
        assert_eq!(
            mirrored
                .fields(name)
                .into_iter()
                .map(value)
                .collect::<Vec<_>>(),
            sent.fields(name).into_iter().map(value).collect::<Vec<_>>(),
        );
    }
}

#[tokio::test]
async fn writes_are_not_mirrored_to_an_http_candidate_unless_asked_for() {
    let reference = Backend::answering(&json("{}")).await;
    let candidate = Backend::answering(&json("{}")).await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = format!(
            "{method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        );
        raw(proxy.address(), request.as_bytes()).await;
    }
    // A GET that writes is a write as well.
    get(proxy.address(), "/v2/stamps/1/score/0xab").await;
    let stats = settled(&proxy).await;
    assert_eq!((stats.seen, stats.declined), (5, 5), "{stats:?}");
    assert!(candidate.arrived().is_empty());
    assert_eq!(reference.arrived().len(), 5);
}

#[tokio::test]
async fn a_body_over_the_cap_declines_the_mirror_and_reaches_the_client_whole() {
    let long = "x".repeat(100_000);
    let reference = Backend::answering(&json(&long)).await;
    let candidate = Backend::answering(&json(&long)).await;
    let mut config = shadowing(&reference, &candidate);
    config.mirror.body_cap = Size::kib(64);
    let proxy = Proxy::start(config).await.unwrap();
    let answer = get(proxy.address(), "/").await;
    assert!(answer.ends_with(&long));
    let stats = settled(&proxy).await;
    assert_eq!((stats.seen, stats.declined), (1, 1), "{stats:?}");
    assert!(candidate.arrived().is_empty());
}

#[tokio::test]
async fn a_client_that_goes_away_is_accounted_for() {
    let reference = Backend::handling(|mut stream| async move {
        // Announces more than it sends, once it is asked, and keeps the connection.
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel")
            .await;
        std::future::pending::<()>().await;
    })
    .await;
    let candidate = Backend::answering(&json("{}")).await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let mut seen = [0; 3];
    while !seen.ends_with(b"hel") {
        let mut byte = [0];
        client.read_exact(&mut byte).await.unwrap();
        seen.rotate_left(1);
        seen[2] = byte[0];
    }
    drop(client);
    let stats = settled(&proxy).await;
    assert_eq!((stats.seen, stats.not_comparable), (1, 1), "{stats:?}");
}

#[tokio::test]
async fn only_the_configured_share_is_mirrored_and_always_the_same_addresses() {
    let reference = Backend::answering(&json("{}")).await;
    let candidate = Backend::answering(&json("{}")).await;
    let mut config = shadowing(&reference, &candidate);
    config.mirror.rate = 0.5;
    let proxy = Proxy::start(config).await.unwrap();
    let target = |n: u32| format!("/internal/stake/gtc/0x{n:040x}");
    for _ in 0..2 {
        for n in 0..40 {
            get(proxy.address(), &target(n)).await;
        }
    }
    let stats = settled(&proxy).await;
    assert_eq!(stats.compared + stats.sampled_out, 80, "{stats:?}");
    assert!(stats.compared > 0 && stats.sampled_out > 0, "{stats:?}");
    let mut lines: Vec<String> = candidate
        .arrived()
        .iter()
        .map(|r| r.line().to_owned())
        .collect();
    lines.sort();
    assert!(lines.chunks(2).all(|pair| pair[0] == pair[1]), "{lines:?}");
}

#[tokio::test]
async fn the_stage_decides_who_serves() {
    let reference = Backend::answering(&json(r#"{"by": "reference"}"#)).await;
    let candidate = Backend::answering(&json(r#"{"by": "candidate"}"#)).await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    for (stage, percent, by, compared) in [
        (Rung::Off, 0.0, "reference", 0),
        (Rung::Shadow, 0.0, "reference", 1),
        (Rung::Canary, 0.0, "reference", 1),
        (Rung::Canary, 100.0, "candidate", 0),
        (Rung::Cutover, 0.0, "candidate", 0),
        (Rung::ReverseShadow, 0.0, "candidate", 1),
        (Rung::Off, 0.0, "reference", 0),
    ] {
        proxy
            .stage()
            .change(
                Standing {
                    stage,
                    canary_percent: percent,
                },
                "test",
                "the ladder",
            )
            .unwrap();
        let before = proxy.stats().compared;
        let answer = get(proxy.address(), "/internal/embed/weights").await;
        assert!(answer.contains(by), "{stage:?}: {answer}");
        let stats = settled(&proxy).await;
        assert_eq!(stats.compared - before, compared, "{stage:?}");
    }
}

#[tokio::test]
async fn one_request_is_sent_to_the_candidate_only_where_that_is_configured() {
    let reference = Backend::answering(&json(r#"{"by": "reference"}"#)).await;
    let candidate = Backend::answering(&json(r#"{"by": "candidate"}"#)).await;
    for (honoured, by) in [(false, "reference"), (true, "candidate")] {
        let mut config = shadowing(&reference, &candidate);
        config.stage.honour_header = honoured;
        let proxy = Proxy::start(config).await.unwrap();
        let request =
            b"GET / HTTP/1.1\r\nHost: h\r\nX-Use-Rust-Scorer: true\r\nConnection: close\r\n\r\n";
        let answer = String::from_utf8(raw(proxy.address(), request).await).unwrap();
        assert!(answer.contains(by), "{answer}");
    }
}

#[tokio::test]
async fn a_candidate_that_cannot_be_reached_costs_no_user_an_answer() {
    let reference = Backend::answering(&json(r#"{"by": "reference"}"#)).await;
    let mut config = shadowing(&reference, &reference);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    config.candidate = Some(shadow_proxy::config::CandidateConfig::Http(
        shadow_proxy::config::Backend::new(&url),
    ));
    config.stage.initial = Rung::Cutover;
    let proxy = Proxy::start(config).await.unwrap();
    let answer = get(proxy.address(), "/").await;
    assert!(answer.contains("reference"), "{answer}");
}
