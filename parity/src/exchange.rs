//! One request and one response, with exact bytes.
//!
//! As JSON: headers are `[[name, value], …]` with values as Latin-1 text, which stands for any
//! byte; a body is `body` when it is UTF-8 text, `body_base64` when it is not, `null` when empty.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Header fields in received order, repeated names kept. Names compare without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, Vec<u8>)>);

impl Headers {
    /// Value of the first field with this name, ignoring case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Values of every field with this name, ignoring case, in received order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }
}

/// A request as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RequestForm", into = "RequestForm")]
pub struct Request {
    /// Method token, case kept.
    pub method: String,
    /// Request target exactly as sent, never re-encoded.
    pub target: String,
    pub headers: Headers,
    pub body: Bytes,
}

/// A response as the client received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ResponseForm", into = "ResponseForm")]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Bytes,
}

/// One request and the response to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

/// Bytes as Latin-1 text: every byte is the character with its number.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(name, value)| (name, latin1(value))))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<(String, String)>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, value)| {
                let bytes = value
                    .chars()
                    .map(u8::try_from)
                    .collect::<Result<_, _>>()
                    .map_err(|_| {
                        de::Error::custom(format_args!(
                            "the value of header `{name}` has a character beyond Latin-1"
                        ))
                    })?;
                Ok((name, bytes))
            })
            .collect::<Result<_, _>>()
            .map(Headers)
    }
}

#[derive(Serialize, Deserialize)]
struct RequestForm {
    method: String,
    target: String,
    headers: Headers,
    #[serde(default)]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_form")]
    body_base64: Option<Bytes>,
}

#[derive(Serialize, Deserialize)]
struct ResponseForm {
    status: u16,
    headers: Headers,
    #[serde(default)]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_form")]
    body_base64: Option<Bytes>,
}

/// The two ways a body is written: `body` and `body_base64`.
fn split(bytes: Bytes) -> (Option<String>, Option<Bytes>) {
    if bytes.is_empty() {
        return (None, None);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(bytes)),
    }
}

fn join(text: Option<String>, base64: Option<Bytes>) -> Bytes {
    base64.or_else(|| text.map(Bytes::from)).unwrap_or_default()
}

impl From<RequestForm> for Request {
    fn from(form: RequestForm) -> Self {
        Request {
            method: form.method,
            target: form.target,
            headers: form.headers,
            body: join(form.body, form.body_base64),
        }
    }
}

impl From<Request> for RequestForm {
    fn from(request: Request) -> Self {
        let (body, body_base64) = split(request.body);
        RequestForm {
            method: request.method,
            target: request.target,
            headers: request.headers,
            body,
            body_base64,
        }
    }
}

impl From<ResponseForm> for Response {
    fn from(form: ResponseForm) -> Self {
        Response {
            status: form.status,
            headers: form.headers,
            body: join(form.body, form.body_base64),
        }
    }
}

impl From<Response> for ResponseForm {
    fn from(response: Response) -> Self {
        let (body, body_base64) = split(response.body);
        ResponseForm {
            status: response.status,
            headers: response.headers,
            body,
            body_base64,
        }
    }
}

mod base64_form {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

    use super::{Bytes, Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        body: &Option<Bytes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match body {
            Some(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Bytes>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| BASE64.decode(text).map(Bytes::from))
            .transpose()
            .map_err(|error| de::Error::custom(format_args!("body_base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &'static [u8]) -> Response {
        Response {
            status: 200,
            headers: Headers(vec![("X-Name".into(), b"\xfc".to_vec())]),
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn every_body_and_header_byte_survives() {
        for body in [b"".as_slice(), b"text \xc3\xa9", b"\xff\x00"] {
            let original = response(body);
            let text = serde_json::to_string(&original).expect("serialises");
            assert_eq!(
                serde_json::from_str::<Response>(&text).expect("reads back"),
                original
            );
        }
    }

    #[test]
    fn a_body_is_text_where_it_can_be() {
        let text = serde_json::to_string(&response(b"{}")).expect("serialises");
        assert_eq!(
            text,
            r#"{"status":200,"headers":[["X-Name","ü"]],"body":"{}"}"#
        );
        let binary = serde_json::to_string(&response(b"\xff")).expect("serialises");
        assert!(binary.contains(r#""body":null,"body_base64":"/w==""#));
    }

    #[test]
    fn a_header_beyond_latin1_is_refused_by_name() {
        let error = serde_json::from_str::<Response>(
            r#"{"status": 200, "headers": [["X-Name", "€"]], "body": null}"#,
        )
        .expect_err("no byte for it");
        assert!(error.to_string().contains("header `X-Name`"), "{error}");
    }
}
