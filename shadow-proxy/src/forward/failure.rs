//! Why the reference's answer could not be had, and what the client is told instead.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::body::{self, Body, ClientBodyError, CollectError};

/// Header on every response that the proxy wrote itself.
pub const ERROR_HEADER: &str = "x-shadow-proxy-error";

/// Classes of failure on the primary path. No class says where the backend lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The backend's name has no address.
    Resolve,
    /// The connection was refused or the host is not reachable.
    Connect,
    ConnectTimeout,
    Tls,
    /// Every allowed connection is busy.
    Saturated,
    /// The backend closed or reset the connection before it answered.
    Closed,
    /// The head of the answer did not come in time.
    ResponseTimeout,
    /// What came back is no HTTP.
    InvalidResponse,
    ClientBodyTimeout,
    ClientBodyTooLarge,
    /// The client broke off; nobody reads the answer.
    ClientGone,
    /// The request cannot be expressed towards the backend.
    Unforwardable,
}

impl Failure {
    /// Name in metrics, logs and the body the client sees.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Resolve => "upstream_name_not_resolved",
            Self::Connect => "upstream_connection_refused",
            Self::ConnectTimeout => "upstream_connect_timeout",
            Self::Tls => "upstream_tls_failed",
            Self::Saturated => "upstream_saturated",
            Self::Closed => "upstream_closed_connection",
            Self::ResponseTimeout => "upstream_response_timeout",
            Self::InvalidResponse => "upstream_invalid_response",
            Self::ClientBodyTimeout => "client_body_timeout",
            Self::ClientBodyTooLarge => "client_body_too_large",
            Self::ClientGone => "client_gone",
            Self::Unforwardable => "request_not_forwardable",
        }
    }

    /// Status the client gets.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Resolve | Self::Connect | Self::Tls | Self::Closed | Self::InvalidResponse => {
                StatusCode::BAD_GATEWAY
            }
            Self::ConnectTimeout | Self::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Saturated => StatusCode::SERVICE_UNAVAILABLE,
            Self::ClientBodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ClientBodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ClientGone | Self::Unforwardable => StatusCode::BAD_REQUEST,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Resolve => "the backend's host name could not be resolved",
            Self::Connect => "the backend refused the connection",
            Self::ConnectTimeout => "the backend did not accept a connection in time",
            Self::Tls => "no trusted TLS connection to the backend could be made",
            Self::Saturated => "all connections to the backend are busy",
            Self::Closed => "the backend closed the connection before it answered",
            Self::ResponseTimeout => "the backend did not answer in time",
            Self::InvalidResponse => "the backend's answer is not valid HTTP",
            Self::ClientBodyTimeout => "the request body did not arrive in time",
            Self::ClientBodyTooLarge => "the request body is larger than the proxy allows",
            Self::ClientGone => "the request body was broken off",
            Self::Unforwardable => "the request cannot be forwarded to the backend",
        }
    }

    /// Whether the backend (and not the client) is to blame.
    pub const fn is_backend(self) -> bool {
        !matches!(
            self,
            Self::ClientBodyTimeout
                | Self::ClientBodyTooLarge
                | Self::ClientGone
                | Self::Unforwardable
        )
    }

    /// What the client gets: a small JSON object that names the class.
    pub fn response(self) -> Response<Body> {
        let text = format!(
            "{{\"error\": {{\"class\": \"{}\", \"message\": \"{}\"}}}}",
            self.class(),
            self.message()
        );
        let mut response = Response::new(body::full(Bytes::from(text)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.class()));
        response
    }

    /// Whether not a byte of the request can have reached the backend.
    pub const fn is_before_sending(self) -> bool {
        matches!(
            self,
            Self::Resolve | Self::Connect | Self::ConnectTimeout | Self::Tls | Self::Saturated
        )
    }

    /// Class of an error while a client's body was read here.
    pub fn of_collecting(error: &CollectError) -> Self {
        match error {
            CollectError::TooLarge(_) => Self::ClientBodyTooLarge,
            CollectError::Broken(cause) => {
                find::<ClientBodyError>(&**cause).map_or(Self::ClientGone, Self::of_client_body)
            }
        }
    }

    fn of_client_body(error: &ClientBodyError) -> Self {
        match error {
            ClientBodyError::Idle(_) => Self::ClientBodyTimeout,
            ClientBodyError::TooLarge(_) => Self::ClientBodyTooLarge,
            ClientBodyError::Broken(_) | ClientBodyError::NotWanted => Self::ClientGone,
        }
    }

    /// Class of an error while a request was on its way to the backend.
    pub fn of_exchange(error: &hyper::Error) -> Self {
        if let Some(body) = find::<ClientBodyError>(error) {
            return Self::of_client_body(body);
        }
        if error.is_parse() {
            Self::InvalidResponse
        } else if error.is_user() {
            Self::Unforwardable
        } else {
            Self::Closed
        }
    }
}

/// The first cause of this type.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
