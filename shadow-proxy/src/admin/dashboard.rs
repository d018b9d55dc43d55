//! The page for operators; it loads nothing from elsewhere.

use http::{HeaderValue, Response, StatusCode, header};

use super::respond;
use crate::forward::body::Body;

/// Nothing but our own files, and none of it in line: what traffic says can be no script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
);

/// The page itself, or a file that it names.
pub(super) fn file(path: &str) -> Option<Response<Body>> {
    let (media, text) = match path {
        "/" => (
            "text/html; charset=utf-8",
            include_str!("dashboard/page.html"),
        ),
        "/assets/style.css" => (
            "text/css; charset=utf-8",
            include_str!("dashboard/style.css"),
        ),
        "/assets/dashboard.js" => (
            "text/javascript; charset=utf-8",
            include_str!("dashboard/dashboard.js"),
        ),
        "/assets/chart.js" => (
            "text/javascript; charset=utf-8",
            include_str!("dashboard/chart.js"),
        ),
        "/assets/diff.js" => (
            "text/javascript; charset=utf-8",
            include_str!("dashboard/diff.js"),
        ),
        "/assets/icon.svg" => ("image/svg+xml", include_str!("dashboard/icon.svg")),
        _ => return None,
    };
    let mut response = respond(StatusCode::OK, media, text);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    Some(response)
}
