//! The head of an HTTP/1 request, accepted and refused as the Python server does (contract §1.4).
//!
//! Written out rather than left to an HTTP library: those drop `#…` from targets and refuse
//! characters that the Python service routes, and answer malformed requests differently.

use bytes::Bytes;

use crate::message::Request;

/// Header fields at most.
const MAXIMUM_FIELDS: usize = 256;

/// A request's head, and what it says about its connection and body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request,
    pub(super) body: BodyLength,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
    pub(super) is_http_10: bool,
}

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    Bytes(u64),
    Chunked,
}

/// The bytes are no HTTP request that this server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Invalid;

/// Parses a head that ends with its empty line.
///
/// Stricter than the Python server in one place: a request with both a length and chunks, which two
/// servers in a row could read differently, is refused.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, Invalid> {
    let line_end = find(bytes, b"\r\n").ok_or(Invalid)?;
    let (line, fields) = (&bytes[..line_end], &bytes[line_end + 2..]);
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Invalid);
    };
    let is_http_10 = match version {
        b"HTTP/1.0" => true,
        b"HTTP/1.1" => false,
        _ => return Err(Invalid),
    };
    let method_is_fine = !method.is_empty() && method.iter().copied().all(is_token);
    let target_is_fine = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    if !method_is_fine || !target_is_fine {
        return Err(Invalid);
    }
    let headers = parse_fields(fields)?;
    let framing = Framing::read(&headers, is_http_10)?;
    Ok(Head {
        request: Request {
            method: text(method),
            target: text(target),
            headers,
            body: Bytes::new(),
        },
        body: framing.body,
        keep_alive: framing.keep_alive,
        expects_continue: framing.expects_continue,
        is_http_10,
    })
}

/// Position right after the empty line that ends a head. The first `searched` bytes are known not to
/// hold it, so that a head which comes in byte by byte is not searched again and again.
pub(super) fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    find(bytes.get(from..)?, b"\r\n\r\n").map(|at| from + at + 4)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|at| at == wanted)
}

fn text(ascii: &[u8]) -> String {
    ascii.iter().copied().map(char::from).collect()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn parse_fields(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Invalid> {
    let mut fields = [httparse::EMPTY_HEADER; MAXIMUM_FIELDS];
    match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => Ok(fields
            .iter()
            .map(|field| (field.name.to_owned(), field.value.to_vec()))
            .collect()),
        Ok(httparse::Status::Partial) | Err(_) => Err(Invalid),
    }
}

struct Framing {
    body: BodyLength,
    keep_alive: bool,
    expects_continue: bool,
}

impl Framing {
    fn read(headers: &[(String, Vec<u8>)], is_http_10: bool) -> Result<Self, Invalid> {
        let values = |wanted: &'static str| {
            headers
                .iter()
                .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim_ascii())
        };
        let hosts = values("Host").count();
        if hosts > 1 || (hosts == 0 && !is_http_10) {
            return Err(Invalid);
        }
        let mut lengths = values("Content-Length");
        let length = lengths.next().map(parse_length).transpose()?;
        if lengths.any(|other| parse_length(other).ok() != length) {
            return Err(Invalid);
        }
        let mut codings = values("Transfer-Encoding");
        let body = match (codings.next(), codings.next(), length) {
            (None, _, length) => BodyLength::Bytes(length.unwrap_or(0)),
            (Some(coding), None, None)
                if coding.eq_ignore_ascii_case(b"chunked") && !is_http_10 =>
            {
                BodyLength::Chunked
            }
            _ => return Err(Invalid),
        };
        let connection = |option: &[u8]| {
            values("Connection").any(|value| {
                value
                    .split(|byte| *byte == b',')
                    .any(|word| word.trim_ascii().eq_ignore_ascii_case(option))
            })
        };
        Ok(Self {
            body,
            keep_alive: !is_http_10 && !connection(b"close"),
            expects_continue: !is_http_10
                && values("Expect").any(|value| value.eq_ignore_ascii_case(b"100-continue")),
        })
    }
}

/// Digits only: a sign or a blank inside would be read differently elsewhere.
fn parse_length(value: &[u8]) -> Result<u64, Invalid> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).map_err(|_| Invalid)?;
    text.parse().ok().filter(|_| digits).ok_or(Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, Invalid> {
        parse(text.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn targets_stay_as_sent() {
        for target in ["/a#b", "/a<b>{}|\"^`", "/%zz", "*", "http://h/x", "/a?b#c"] {
            let head = head(&format!("GET {target} HTTP/1.1\nHost: h\n\n")).unwrap();
            assert_eq!(head.request.target, target);
        }
    }

    #[test]
    fn what_the_python_server_refuses_is_refused() {
        for text in [
            "GET /a b HTTP/1.1\nHost: h\n\n",
            "GET /\u{e9} HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: a\nHost: b\n\n",
            "GET / HTTP/2.0\nHost: h\n\n",
            "GET /\nHost: h\n\n",
            "G(T / HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\nHost: h\nA b: c\n\n",
            "GET / HTTP/1.1\nHost: h\nA: \0\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: x\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: +1\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Length: 2\n\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn requests_that_could_be_read_in_two_ways_are_refused() {
        for fields in [
            "Content-Length: 1\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "Content-Length: 0x1",
        ] {
            let text = format!("POST / HTTP/1.1\nHost: h\n{fields}\n\n");
            assert!(head(&text).is_err(), "{fields}");
        }
        assert!(head("POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n").is_err());
    }

    #[test]
    fn the_end_of_a_head_is_found_across_reads() {
        let bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for searched in 0..bytes.len() - 5 {
            assert_eq!(end(bytes, searched), Some(27), "{searched}");
        }
        assert_eq!(end(&bytes[..26], 0), None);
    }

    #[test]
    fn connections_end_by_version_or_word() {
        let keep_alive = |text| head(text).unwrap().keep_alive;
        assert!(keep_alive("GET / HTTP/1.1\nHost: h\n\n"));
        assert!(!keep_alive(
            "GET / HTTP/1.1\nHost: h\nConnection: x, Close\n\n"
        ));
        assert!(!keep_alive("GET / HTTP/1.0\n\n"));
    }
}
