//! HTTP/2 on either side, and TLS to the backend.

use std::{convert::Infallible, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use shadow_proxy::{Config, Proxy, config::Protocol};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Backend, raw_text};

/// Says how it was asked, gives the body back, and ends with a trailer.
async fn echo(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let host = match request.uri().authority() {
        Some(authority) => authority.to_string(),
        None => request.headers()["host"].to_str().unwrap().to_owned(),
    };
    let how = format!("{:?} {host}", request.version());
    let sent = request.into_body().collect().await.unwrap();
    let mut trailers = HeaderMap::new();
    let came = sent
        .trailers()
        .and_then(|fields| fields.get("x-in"))
        .cloned();
    trailers.insert("x-sum", came.unwrap_or(HeaderValue::from_static("none")));
    let frames = [Frame::data(sent.to_bytes()), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, Infallible>);
    Ok(Response::builder()
        .header("x-how", how)
        .header("trailer", "x-sum")
        .body(StreamBody::new(futures::stream::iter(frames)))
        .unwrap())
}

/// Speaks what it is asked in, over TLS if there is a certificate.
async fn start(tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // Whoever does not trust the certificate hangs up.
                let _ = match tls {
                    None => {
                        server
                            .serve_connection(TokioIo::new(stream), service_fn(echo))
                            .await
                    }
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => {
                            server
                                .serve_connection(TokioIo::new(stream), service_fn(echo))
                                .await
                        }
                        Err(_) => Ok(()),
                    },
                };
            });
        }
    });
    port
}

const POST: &str = "POST /x HTTP/1.1\r\nHost: api.test\r\nTE: trailers\r\nTrailer: X-In\r\n\
                    Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                    3\r\nabc\r\n0\r\nX-In: 9\r\n\r\n";

#[tokio::test]
async fn a_client_may_speak_http2_to_a_backend_that_does_not() {
    let backend = Backend::answering(
        b"HTTP/1.1 200 OK\r\nX-Case: Kept\r\nTrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n",
    )
    .await;
    let proxy = Proxy::start(Config::forwarding_to(&backend.url()))
        .await
        .unwrap();
    let stream = TcpStream::connect(proxy.address()).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    // All at once, on one connection.
    let answers = (0..20).map(|n| {
        let mut sender = sender.clone();
        async move {
            let request = Request::post(format!("http://api.test/a/{n}?q=%20"))
                .version(Version::HTTP_2)
                .header("x-api-key", "k")
                .header("te", "trailers")
                .body(Full::new(Bytes::from(format!("body {n}"))))
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
            assert_eq!(answer.headers()["x-case"], "Kept");
            assert!(!answer.headers().contains_key("transfer-encoding"));
            let body = answer.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["x-sum"], "7");
            assert_eq!(body.to_bytes(), "hi");
        }
    });
    futures::future::join_all(answers).await;
    let arrived = backend.arrived();
    assert_eq!(arrived.len(), 20);
    for request in arrived {
        let line = request.line();
        assert!(
            line.starts_with("POST /a/") && line.ends_with("?q=%20 HTTP/1.1"),
            "{line}"
        );
        assert_eq!(request.fields("host"), ["host: api.test"]);
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.contains("body "), "{body}");
    }
}

#[tokio::test]
async fn a_backend_may_speak_http2_in_clear_text() {
    let port = start(None).await;
    let mut config = Config::forwarding_to(&format!("http://127.0.0.1:{port}"));
    config.reference.protocol = Protocol::Http2;
    let proxy = Proxy::start(config).await.unwrap();
    for _ in 0..2 {
        let answer = raw_text(proxy.address(), POST).await;
        let lower = answer.to_ascii_lowercase();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(lower.contains("x-how: http/2.0 api.test"), "{answer}");
        assert!(
            lower.ends_with("3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_backend_behind_tls_is_trusted_by_its_certificate_alone() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: String| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    };
    let own = write("own.pem", cert.pem());
    let other = write("other.pem", stranger.cert.pem());
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let port = start(Some(TlsAcceptor::from(Arc::new(server)))).await;
    for (protocol, version) in [(Protocol::Http1, "HTTP/1.1"), (Protocol::Http2, "HTTP/2.0")] {
        for (trusted, file) in [(true, Some(&own)), (false, Some(&other)), (false, None)] {
            let mut config = Config::forwarding_to(&format!("https://localhost:{port}"));
            config.reference.protocol = protocol;
            config.reference.ca_file = file.cloned();
            let proxy = Proxy::start(config).await.unwrap();
            let answer = raw_text(proxy.address(), POST).await;
            if trusted {
                assert!(answer.contains(&format!("{version} api.test")), "{answer}");
                assert!(answer.to_ascii_lowercase().contains("x-sum: 9"), "{answer}");
            } else {
                assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
                assert!(
                    answer.contains("\"class\": \"upstream_tls_failed\""),
                    "{answer}"
                );
            }
        }
    }
}
