//! A request as the Python service would see it (contract §1.1, §1.4).

use bytes::Bytes;

use crate::message;

/// The parts of a request that routing, authentication and handlers look at.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    /// Upper-cased: method names match in any case (contract §1.2).
    pub(crate) method: String,
    /// Percent-decoded, invalid UTF-8 replaced.
    pub(crate) path: String,
    /// Query string as sent, without the question mark.
    pub(crate) raw_query: &'a str,
    pub(crate) headers: Headers,
    pub(crate) body: &'a Bytes,
}

impl<'a> Incoming<'a> {
    pub(crate) fn new(request: &'a message::Request) -> Self {
        let (raw_path, raw_query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        Self {
            method: request.method.to_uppercase(),
            path: percent_decode(raw_path),
            raw_query,
            headers: Headers::new(&request.headers),
            body: &request.body,
        }
    }
}

/// Request headers: `-` and `_` are the same, repeated values are joined with a comma, values are
/// Latin-1 without surrounding white space.
#[derive(Debug)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn new(raw: &[(String, Vec<u8>)]) -> Self {
        let mut joined: Vec<(String, String)> = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let name = name.to_ascii_uppercase().replace('_', "-");
            let value: String = value.trim_ascii().iter().copied().map(char::from).collect();
            match joined.iter_mut().find(|(known, _)| *known == name) {
                Some((_, earlier)) => {
                    earlier.push(',');
                    earlier.push_str(&value);
                }
                None => joined.push((name, value)),
            }
        }
        Self(joined)
    }

    /// The value of a header; `name` in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Names in upper case with dashes, and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Decodes `%XX`; malformed escapes stay as they are and `+` is literal.
pub(crate) fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| Some(hex_digit(digits[0])? << 4 | hex_digit(digits[1])?));
        match escape {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_decode_as_utf8_and_keep_malformed_escapes() {
        for (raw, decoded) in [
            ("/a%2Fb", "/a/b"),
            ("/%zz%", "/%zz%"),
            ("/%4", "/%4"),
            ("/a+b", "/a+b"),
            ("/%ff%fe", "/\u{fffd}\u{fffd}"),
            ("/%C3%BC", "/ü"),
        ] {
            assert_eq!(percent_decode(raw), decoded);
        }
    }

    #[test]
    fn headers_join_and_ignore_the_kind_of_dash() {
        let headers = Headers::new(&[
            ("X_API_KEY".to_owned(), b" a ".to_vec()),
            ("x-api-key".to_owned(), b"\xe9".to_vec()),
        ]);
        assert_eq!(headers.get("X-Api-Key"), Some("a,é"));
        assert_eq!(headers.get("Authorization"), None);
    }
}
