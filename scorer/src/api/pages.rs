//! Texts that are the same in every answer (contract §1.2, §1.3).

use bytes::Bytes;

pub(crate) const CORS_HEADERS: &str = "accept, accept-encoding, authorization, content-type, dnt, \
     origin, user-agent, x-csrftoken, x-requested-with, x-api-key";
pub(crate) const CORS_METHODS: &str = "DELETE, GET, OPTIONS, PATCH, POST, PUT";

const CSRF_FAILURE: &str = include_str!("pages/csrf_failure.html");
const ASKS_FOR_COOKIE: &str = include_str!("pages/csrf_failure_cookie.html");

/// A fixed HTML page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page {
    BadRequest,
    /// What an unsafe method gets at `/internal/`: the check of form tokens fails.
    Forbidden,
    /// The same for want of the cookie, which the page then asks for.
    ForbiddenWithoutCookie,
    NotFound,
    ServerError,
}

impl Page {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden | Self::ForbiddenWithoutCookie => 403,
            Self::NotFound => 404,
            Self::ServerError => 500,
        }
    }

    pub(super) fn body(self) -> Bytes {
        match self {
            Self::BadRequest => fixed("Bad Request (400)", ""),
            Self::Forbidden => CSRF_FAILURE.replace(ASKS_FOR_COOKIE, "").into(),
            Self::ForbiddenWithoutCookie => Bytes::from_static(CSRF_FAILURE.as_bytes()),
            Self::NotFound => fixed(
                "Not Found",
                "The requested resource was not found on this server.",
            ),
            Self::ServerError => fixed("Server Error (500)", ""),
        }
    }
}

fn fixed(title: &str, detail: &str) -> Bytes {
    format!(
        "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>{title}</title>\n</head>\n<body>\n  \
         <h1>{title}</h1><p>{detail}</p>\n</body>\n</html>\n"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_lengths_of_the_contract() {
        for (page, length) in [
            (Page::BadRequest, 143),
            (Page::Forbidden, 1_019),
            (Page::ForbiddenWithoutCookie, 1_382),
            (Page::NotFound, 179),
            (Page::ServerError, 145),
        ] {
            assert_eq!(page.body().len(), length, "{page:?}");
        }
    }
}
