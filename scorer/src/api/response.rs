//! Responses with the headers, and the order of headers, of the Python service (contract §1.3, §1.4).

use bytes::Bytes;

use crate::{
    message::Response,
    python::{Dict, Value, json},
};

use super::{
    cookies::Cookies,
    cors::Cors,
    error::Failure,
    pages::{self, Page},
    validation,
};

/// A response before the headers that every response gets.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: &'static str,
    /// `Allow` or `Location`.
    extra: Option<(&'static str, String)>,
    body: Bytes,
    layer: Layer,
    cookies: Cookies,
}

/// How far a request got before it was answered: each layer adds headers on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    View,
    /// The page that stands for an exception, which gets its form token where it is made.
    ErrorPage,
    /// A redirect that stands before the views.
    Redirect,
    /// The redirect to `https`, before everything else.
    SecurityRedirect,
    /// A host that is not served, found out on the way to that redirect.
    SecurityHost,
    /// A host that is not served.
    Host,
    /// The answer to a CORS preflight.
    Preflight,
}

/// What a response's headers depend on besides the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    pub(super) cors: Cors,
    /// The request is a `HEAD`: lengths are announced, nothing is sent.
    pub(crate) is_head: bool,
    /// The logging strategy looks at the session.
    pub(crate) vary_by_cookie: bool,
}

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    fn view(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            extra: None,
            body: body.into(),
            layer: Layer::View,
            cookies: Cookies::default(),
        }
    }

    /// Whether the request got as far as the views, or as far as finding none.
    pub(super) fn has_reached_the_views(&self) -> bool {
        matches!(self.layer, Layer::View | Layer::ErrorPage | Layer::Redirect)
    }

    /// Whether nothing but the redirect to `https` was looked at.
    fn is_of_the_outermost_layer(&self) -> bool {
        matches!(self.layer, Layer::SecurityRedirect | Layer::SecurityHost)
    }

    /// The same answer with cookies to set, those that the layers it passes through know of.
    pub(super) fn with_cookies(mut self, cookies: Cookies) -> Self {
        let sets_token = matches!(
            self.layer,
            Layer::View | Layer::ErrorPage | Layer::Host | Layer::SecurityHost
        );
        let sees_session = !self.is_of_the_outermost_layer();
        self.cookies = Cookies {
            token: cookies.token.filter(|_| sets_token),
            drops_session: cookies.drops_session && sees_session,
        };
        self
    }

    /// JSON in the framework's style.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::view(status, JSON, json::dumps(value))
    }

    /// JSON by Django's own response class, which names no charset (contract §1.4).
    pub(crate) fn json_without_charset(value: &Value) -> Self {
        Self::view(200, "application/json", json::dumps(value))
    }

    /// One of the fixed pages.
    pub(crate) fn page(page: Page) -> Self {
        let layer = match page {
            Page::Forbidden | Page::ForbiddenWithoutCookie => Layer::View,
            Page::BadRequest | Page::NotFound | Page::ServerError => Layer::ErrorPage,
        };
        Self {
            layer,
            ..Self::view(page.status(), HTML, page.body())
        }
    }

    /// A short HTML text.
    pub(crate) fn text(status: u16, text: &'static str) -> Self {
        Self::view(status, HTML, text)
    }

    pub(crate) fn method_not_allowed(methods: &[&str]) -> Self {
        Self {
            extra: Some(("Allow", methods.join(", "))),
            ..Self::text(405, "Method not allowed")
        }
    }

    /// A redirect made by a view.
    pub(crate) fn found(location: &str) -> Self {
        Self {
            extra: Some(("Location", location.to_owned())),
            ..Self::text(302, "")
        }
    }

    /// The redirect to the same path with a slash.
    pub(crate) fn moved(location: String) -> Self {
        Self {
            extra: Some(("Location", location)),
            layer: Layer::Redirect,
            ..Self::text(301, "")
        }
    }

    pub(crate) fn moved_to_https(location: String) -> Self {
        Self {
            layer: Layer::SecurityRedirect,
            ..Self::moved(location)
        }
    }

    pub(crate) fn host_refused() -> Self {
        Self {
            layer: Layer::Host,
            ..Self::page(Page::BadRequest)
        }
    }

    pub(crate) fn host_refused_before_all() -> Self {
        Self {
            layer: Layer::SecurityHost,
            ..Self::page(Page::BadRequest)
        }
    }

    pub(crate) fn preflight() -> Self {
        Self {
            layer: Layer::Preflight,
            ..Self::text(200, "")
        }
    }

    /// Adds the headers of every layer the answer passes through.
    pub(crate) fn into_response(self, around: Surroundings) -> Response {
        let mut headers = HeaderList::default();
        headers.add("server", "uvicorn");
        if self.layer == Layer::Preflight {
            headers.add("content-length", "0");
        }
        headers.add("Content-Type", self.content_type);
        if let Some((name, value)) = &self.extra {
            headers.add(name, value);
        }
        let vary = self.vary(around);
        let (vary_of_page, vary_of_view, vary_of_others) =
            match (self.cookies.token.is_some(), self.layer) {
                (true, Layer::View) => (None, vary, None),
                (true, _) => (vary, None, None),
                (false, _) => (None, None, vary),
            };
        headers.add_some("Vary", vary_of_page);
        if matches!(self.layer, Layer::View | Layer::ErrorPage) {
            headers.add("X-Frame-Options", "DENY");
            headers.add_some("Vary", vary_of_view);
            headers.add("Content-Length", &self.body.len().to_string());
        }
        headers.add_some("Vary", vary_of_others);
        self.add_cors(&mut headers, around.cors);
        if self.layer != Layer::SecurityHost {
            headers.add("X-Content-Type-Options", "nosniff");
            headers.add("Referrer-Policy", "same-origin");
            headers.add("Cross-Origin-Opener-Policy", "same-origin");
        }
        for cookie in self.cookies.headers() {
            headers.add("Set-Cookie", cookie);
        }
        if !matches!(
            self.layer,
            Layer::View | Layer::ErrorPage | Layer::Preflight
        ) {
            headers.add("Transfer-Encoding", "chunked");
        }
        Response {
            status: self.status,
            headers: headers.0,
            body: if around.is_head {
                Bytes::new()
            } else {
                self.body
            },
        }
    }

    /// What the answer depends on, in the order in which the layers say so.
    fn vary(&self, around: Surroundings) -> Option<&'static str> {
        if self.is_of_the_outermost_layer() {
            return self.cookies.token.as_ref().map(|_| "Cookie");
        }
        let session_is_read =
            self.cookies.drops_session || (around.vary_by_cookie && self.has_reached_the_views());
        match (
            self.cookies.token.is_some(),
            around.cors == Cors::Silent,
            session_is_read,
        ) {
            (true, false, _) => Some("Cookie, origin"),
            (false, false, true) => Some("origin, Cookie"),
            (false, false, false) => Some("origin"),
            (true, true, _) | (_, true, true) => Some("Cookie"),
            (false, true, false) => None,
        }
    }

    fn add_cors(&self, headers: &mut HeaderList, cors: Cors) {
        if self.is_of_the_outermost_layer() {
            return;
        }
        if matches!(cors, Cors::Allowed | Cors::Described) {
            headers.add("access-control-allow-origin", "*");
        }
        if cors == Cors::Described {
            headers.add("access-control-allow-headers", pages::CORS_HEADERS);
            headers.add("access-control-allow-methods", pages::CORS_METHODS);
            headers.add("access-control-max-age", "86400");
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Detail(status, text) => Self::json(status, &detail(text.as_ref())),
            Failure::Invalid(items) => Self::json(422, &validation::to_value(&items)),
            Failure::WithAddress { detail, address } => Self::json(
                404,
                &Value::Dict(Dict::from([("detail", detail), ("address", address)])),
            ),
            Failure::HtmlBadRequest => Self::page(Page::BadRequest),
            Failure::Uncaught(cause) => {
                tracing::error!(%cause, "answered with the 500 page");
                Self::page(Page::ServerError)
            }
        }
    }
}

/// `{"detail": text}`
pub(crate) fn detail(text: &str) -> Value {
    Value::Dict(Dict::from([("detail", text)]))
}

#[derive(Default)]
struct HeaderList(Vec<(String, Vec<u8>)>);

impl HeaderList {
    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(answer: Answer, around: Surroundings) -> Vec<String> {
        let response = answer.into_response(around);
        response.headers.into_iter().map(|(name, _)| name).collect()
    }

    const PLAIN: Surroundings = Surroundings {
        cors: Cors::Varies,
        is_head: false,
        vary_by_cookie: true,
    };

    #[test]
    fn a_view_has_the_headers_in_the_order_of_the_python_service() {
        assert_eq!(
            names(Answer::method_not_allowed(&["GET"]), PLAIN),
            [
                "server",
                "Content-Type",
                "Allow",
                "X-Frame-Options",
                "Content-Length",
                "Vary",
                "X-Content-Type-Options",
                "Referrer-Policy",
                "Cross-Origin-Opener-Policy",
            ]
        );
    }

    #[test]
    fn redirects_have_no_length_and_no_frame_options() {
        assert_eq!(
            names(Answer::moved("/internal/".to_owned()), PLAIN),
            [
                "server",
                "Content-Type",
                "Location",
                "Vary",
                "X-Content-Type-Options",
                "Referrer-Policy",
                "Cross-Origin-Opener-Policy",
                "Transfer-Encoding",
            ]
        );
    }

    #[test]
    fn cookies_come_last_and_a_new_token_varies_first() {
        let cookies = Cookies {
            token: Some("csrftoken=x".to_owned()),
            drops_session: true,
        };
        let answer = Answer::text(200, "Ok").with_cookies(cookies);
        assert_eq!(
            names(answer, PLAIN),
            [
                "server",
                "Content-Type",
                "X-Frame-Options",
                "Vary",
                "Content-Length",
                "X-Content-Type-Options",
                "Referrer-Policy",
                "Cross-Origin-Opener-Policy",
                "Set-Cookie",
                "Set-Cookie",
            ]
        );
    }

    #[test]
    fn the_redirect_to_https_comes_before_cors() {
        let around = Surroundings {
            cors: Cors::Allowed,
            ..PLAIN
        };
        let names = names(Answer::moved_to_https("https://h/".to_owned()), around);
        assert!(
            !names
                .iter()
                .any(|name| name == "Vary" || name.starts_with("access-control"))
        );
    }

    #[test]
    fn head_announces_a_length_and_sends_nothing() {
        let around = Surroundings {
            is_head: true,
            ..PLAIN
        };
        let response = Answer::method_not_allowed(&["GET"]).into_response(around);
        assert!(response.body.is_empty());
        let length = ("Content-Length".to_owned(), b"18".to_vec());
        assert!(response.headers.contains(&length));
    }
}
