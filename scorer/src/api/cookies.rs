//! What the Python service does to cookies that its framework takes for its own.
//!
//! No endpoint uses cookies, but a request that carries a malformed form token or an unknown session
//! gets them replaced and deleted.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{service::Service, store};

use super::request::Incoming;

const FORM_TOKEN: &str = "csrftoken";
/// Characters that a session key has at least; shorter ones are not even looked up.
const SHORTEST_SESSION: usize = 8;
/// 52 weeks.
const TOKEN_AGE: TimeDelta = TimeDelta::seconds(31_449_600);

/// Cookies to set with an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cookies {
    /// A new form token, in place of a malformed one.
    pub(super) token: Option<String>,
    /// The session is unknown and its cookie is to go.
    pub(super) drops_session: bool,
}

impl Cookies {
    /// Looks at the cookies of a request. Only the structured logs right before the views look the
    /// session up; keys that are too short are noticed anyway.
    pub(super) async fn of(
        request: &Incoming<'_>,
        service: &Service,
        reached_the_views: bool,
    ) -> Self {
        let Some(header) = request.headers.get("Cookie") else {
            return Self::default();
        };
        let token = value(header, FORM_TOKEN).filter(|token| !is_token(token));
        let drops_session = match value(header, "sessionid") {
            None => false,
            Some(key) if key.chars().count() < SHORTEST_SESSION => true,
            Some(key) => {
                reached_the_views
                    && service.settings().vary_by_cookie
                    && !is_session(service, key).await
            }
        };
        Self {
            token: token.map(|_| new_token(service.clock().now())),
            drops_session,
        }
    }

    /// Values of the `Set-Cookie` headers, in order.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        let dropped = r#"sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax"#;
        self.token
            .as_deref()
            .into_iter()
            .chain(self.drops_session.then_some(dropped))
    }
}

/// Whether a request carries a form token, well-formed or not.
pub(super) fn has_form_token(request: &Incoming<'_>) -> bool {
    let header = request.headers.get("Cookie");
    header.is_some_and(|header| value(header, FORM_TOKEN).is_some())
}

/// The last value of a cookie.
fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut cookies = header
        .split(';')
        .filter_map(|cookie| cookie.split_once('='));
    cookies
        .rfind(|(known, _)| known.trim() == name)
        .map(|(_, value)| value.trim().trim_matches('"'))
}

fn is_token(text: &str) -> bool {
    matches!(text.len(), 32 | 64) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

async fn is_session(service: &Service, key: &str) -> bool {
    let pool = &service.databases().primary;
    let found = store::sessions::exists(pool, key, service.clock().now()).await;
    found.unwrap_or_else(|error| {
        // A session that cannot be looked up is left alone.
        tracing::warn!(%error, "a session could not be looked up");
        true
    })
}

fn new_token(now: DateTime<Utc>) -> String {
    let expires = (now + TOKEN_AGE).format("%a, %d %b %Y %H:%M:%S GMT");
    format!(
        "csrftoken={}; expires={expires}; Max-Age={}; Path=/; SameSite=Lax",
        uuid::Uuid::new_v4().simple(),
        TOKEN_AGE.num_seconds()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cookie_of_a_name_counts() {
        let header = "a=1; sessionid=\"x\"; broken; a = 2 ";
        assert_eq!(value(header, "a"), Some("2"));
        assert_eq!(value(header, "sessionid"), Some("x"));
        assert_eq!(value(header, "b"), None);
    }

    #[test]
    fn tokens_are_32_or_64_letters_and_digits() {
        assert!(is_token(&"aZ09".repeat(8)));
        assert!(is_token(&"a".repeat(64)));
        for bad in ["", "def", &"a".repeat(33), &"-".repeat(32)] {
            assert!(!is_token(bad), "{bad}");
        }
    }

    #[test]
    fn a_new_token_lives_for_52_weeks() {
        let now = DateTime::from_timestamp(1_768_478_400, 0).unwrap();
        let cookie = new_token(now);
        assert!(cookie.ends_with(
            "; expires=Thu, 14 Jan 2027 12:00:00 GMT; Max-Age=31449600; Path=/; SameSite=Lax"
        ));
        assert!(is_token(&cookie["csrftoken=".len()..][..32]));
    }
}
