//! One HTTP/1.1 client for every command: targets and bodies go out exactly as given.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use parity::{
    exchange::{Headers, Request, Response},
    redact::mask_user_info,
};

use super::{BackendError, raw_target};

/// Headers that belong to a connection, not to the request.
const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Sends requests to one backend. Never retries and never follows redirects.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Scheme and authority, without a slash at the end.
    base: String,
    timeout: Duration,
}

impl HttpClient {
    /// A client for the backend at `base`, e.g. `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// `base` is no HTTP URL, or has more than scheme, host and port.
    pub fn new(base: &str, timeout: Duration) -> Result<Self, String> {
        let shown = mask_user_info(base);
        let uri: Uri = base
            .parse()
            .map_err(|error| format!("`{shown}` is no URL: {error}"))?;
        let authority = uri.authority().map(|authority| authority.as_str());
        let (Some(scheme @ ("http" | "https")), Some(authority), "/" | "", None) =
            (uri.scheme_str(), authority, uri.path(), uri.query())
        else {
            return Err(format!(
                "`{shown}` is not the address of a backend: expected http://host:port"
            ));
        };
        if authority.contains('@') {
            return Err(format!(
                "`{shown}` has a user: give http://host:port, and what logs in with the requests"
            ));
        }
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .set_host(false)
                .http1_title_case_headers(true)
                .build(connector),
            base: format!("{scheme}://{authority}"),
            timeout,
        })
    }

    /// Scheme and authority of the backend.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The request cannot be put as HTTP/1.1, or no whole answer came in time.
    pub async fn send(&self, request: &Request) -> Result<Response, BackendError> {
        let message = self.message(request)?;
        let exchange = async {
            let response = if is_kept(message.uri(), &request.target) {
                self.client.request(message).await.map_err(broken)?
            } else {
                raw_target::send(&self.base, message, &request.target).await?
            };
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(broken)?.to_bytes();
            let headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect();
            Ok(Response {
                status: head.status.as_u16(),
                headers: Headers(headers),
                body,
            })
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .map_err(|_| BackendError::TimedOut(self.timeout))?
    }

    /// The request as hyper takes it, with `/` for a target that `http::Uri` does not keep.
    fn message(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, BackendError> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| {
            BackendError::CannotAsk(format!("{what} cannot be sent as HTTP/1.1: {error}"))
        };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|error| cannot("the method", &error))?;
        if !request.target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(cannot("the target", &"it is no single word of ASCII"));
        }
        let uri = format!("{}{}", self.base, request.target)
            .parse()
            .ok()
            .filter(|uri| is_kept(uri, &request.target))
            .unwrap_or_else(|| Uri::from_static("/"));
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = method;
        *message.uri_mut() = uri;
        for (name, value) in &request.headers.0 {
            if HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)) {
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| cannot("a header name", &error))?;
            let value =
                HeaderValue::from_bytes(value).map_err(|error| cannot("a header value", &error))?;
            message.headers_mut().append(name, value);
        }
        Ok(message)
    }
}

/// Whether the target goes out as it is.
fn is_kept(uri: &Uri, target: &str) -> bool {
    uri.path_and_query().map(|kept| kept.as_str()) == Some(target)
}

pub(super) fn broken(error: impl std::error::Error) -> BackendError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    BackendError::Broken(text)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn client(base: &str) -> Result<HttpClient, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        HttpClient::new(base, Duration::from_secs(1))
    }

    fn request(target: &str) -> Request {
        Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: Headers(vec![("X-Name".to_owned(), b"\xfc".to_vec())]),
            body: Bytes::new(),
        }
    }

    #[test]
    fn a_target_is_kept_or_written_raw_or_refused() {
        let client = client("http://127.0.0.1:1").unwrap();
        for target in ["/a/../b", "/%41//c?x=%2F&y={1}", "/?", "//", "/a?b?c"] {
            let message = client.message(&request(target)).unwrap();
            let sent = message.uri().path_and_query().unwrap().as_str();
            assert_eq!(sent, target);
        }
        for target in ["/a#b", "/a?b#c", "a"] {
            let message = client.message(&request(target)).unwrap();
            assert!(!is_kept(message.uri(), target), "{target}");
        }
        for target in ["/a b", "/\u{e4}", "/a\r\nb"] {
            assert!(client.message(&request(target)).is_err(), "{target}");
        }
    }

    #[tokio::test]
    async fn a_target_with_a_number_sign_arrives_as_it_was_given() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            head
        });
        let client = client(&format!("http://{address}")).unwrap();
        let response = client.send(&request("/a?b#c")).await.unwrap();
        assert_eq!(&response.body[..], b"ok");
        let head = served.await.unwrap();
        assert_eq!(head, b"GET /a?b#c HTTP/1.1\r\nX-Name: \xfc\r\n\r\n");
    }

    #[test]
    fn only_the_address_of_a_backend_is_taken() {
        assert!(client("http://127.0.0.1:1/").is_ok());
        for base in [
            "127.0.0.1:1",
            "ftp://a",
            "http://a/b",
            "http://a?b",
            "recorded",
            "http://user:secret@a",
            "http://user:secret@a/b",
            "ftp://user:secret@a",
        ] {
            let error = client(base).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
