//! The head of an HTTP/1 request, accepted and refused as the Python server does (contract §1.4).
//!
//! Written out rather than left to an HTTP library: those drop `#…` from targets, refuse characters
//! that the Python service routes and header values that it reads, and answer malformed requests
//! differently. The grammar is that of h11, with lines that may end in a line feed alone.

use bytes::Bytes;

use crate::message::Request;

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

/// Digits of a length at most.
const MAXIMUM_LENGTH_DIGITS: usize = 20;

/// Parses a head that ends with its empty line.
///
/// Stricter than the Python server in two places, where two servers in a row could read a request
/// differently: one with both a length and chunks is refused, and so are chunks in HTTP/1.0.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, Invalid> {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Invalid);
    };
    let is_http_10 = match version {
        // Whatever claims to be newer is treated as HTTP/1.1.
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major @ b'0'..=b'9',
            b'.',
            minor @ b'0'..=b'9',
        ] => (*major, *minor) < (b'1', b'1'),
        _ => return Err(Invalid),
    };
    let needs_host = version == b"HTTP/1.1";
    let method_is_fine = !method.is_empty() && method.iter().copied().all(is_token);
    let target_is_fine = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    if !method_is_fine || !target_is_fine {
        return Err(Invalid);
    }
    let mut headers = parse_fields(lines)?;
    let framing = Framing::read(&mut headers, needs_host, is_http_10)?;
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
    let from = searched.saturating_sub(2);
    let rest = bytes.get(from..)?;
    let line_feeds = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    line_feeds
        .map(|(at, _)| at + 1)
        .find_map(|next| match rest.get(next..)? {
            [b'\n', ..] => Some(from + next + 1),
            [b'\r', b'\n', ..] => Some(from + next + 2),
            _ => None,
        })
}

/// Whether a head that begins like this can only be refused.
pub(super) fn is_hopeless(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| *byte <= b' ')
}

fn text(ascii: &[u8]) -> String {
    ascii.iter().copied().map(char::from).collect()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Fields up to the empty line. One that begins with a blank goes on with the field before it.
fn parse_fields<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<(String, Vec<u8>)>, Invalid> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let continued = line.trim_start_blanks();
        if continued.len() == line.len() {
            fields.push(line.to_vec());
        } else {
            let field = fields.last_mut().ok_or(Invalid)?;
            field.push(b' ');
            field.extend_from_slice(continued);
        }
    }
    fields.iter().map(|field| parse_field(field)).collect()
}

fn parse_field(field: &[u8]) -> Result<(String, Vec<u8>), Invalid> {
    let colon = field.iter().position(|byte| *byte == b':').ok_or(Invalid)?;
    let (name, value) = (&field[..colon], field[colon + 1..].trim_blanks());
    let name_is_fine = !name.is_empty() && name.iter().copied().all(is_token);
    // Besides the two blanks no white space; other control characters are fine.
    let value_is_fine = !value
        .iter()
        .any(|byte| matches!(byte, 0 | b'\n' | 0x0b | 0x0c | b'\r'));
    if !name_is_fine || !value_is_fine {
        return Err(Invalid);
    }
    Ok((text(name), value.to_vec()))
}

/// Spaces and tabs, and nothing else, around a text.
trait Blanks {
    fn trim_start_blanks(&self) -> &[u8];
    fn trim_blanks(&self) -> &[u8];
}

impl Blanks for [u8] {
    fn trim_start_blanks(&self) -> &[u8] {
        let mut rest = self;
        while let [b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        rest
    }

    fn trim_blanks(&self) -> &[u8] {
        let mut rest = self.trim_start_blanks();
        while let [before @ .., b' ' | b'\t'] = rest {
            rest = before;
        }
        rest
    }
}

struct Framing {
    body: BodyLength,
    keep_alive: bool,
    expects_continue: bool,
}

impl Framing {
    /// Reads the fields that frame a request. A length that is repeated is kept once.
    fn read(
        headers: &mut Vec<(String, Vec<u8>)>,
        needs_host: bool,
        is_http_10: bool,
    ) -> Result<Self, Invalid> {
        let length = take_length(headers)?;
        let values = |wanted: &'static str| {
            headers
                .iter()
                .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_slice())
        };
        let hosts = values("Host").count();
        if hosts > 1 || (hosts == 0 && needs_host) {
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
        let lists = |name: &'static str, option: &[u8]| {
            values(name).any(|value| {
                value
                    .split(|byte| *byte == b',')
                    .any(|word| word.trim_ascii().eq_ignore_ascii_case(option))
            })
        };
        Ok(Self {
            body,
            keep_alive: !is_http_10 && !lists("Connection", b"close"),
            expects_continue: !is_http_10 && lists("Expect", b"100-continue"),
        })
    }
}

/// The announced length. It may be told several times, in several fields or in one with commas, but
/// to the letter; what remains is the first field with the length alone.
fn take_length(headers: &mut Vec<(String, Vec<u8>)>) -> Result<Option<u64>, Invalid> {
    let mut told: Option<Vec<u8>> = None;
    let mut agree = true;
    headers.retain_mut(|(name, value)| {
        if !name.eq_ignore_ascii_case("Content-Length") {
            return true;
        }
        let mut lengths = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let length = lengths.next().unwrap_or_default().to_vec();
        agree &= lengths.all(|other| other == length);
        match &told {
            Some(first) => {
                agree &= *first == length;
                false
            }
            None => {
                value.clone_from(&length);
                told = Some(length);
                true
            }
        }
    });
    match told {
        Some(length) if agree => parse_length(&length).map(Some),
        Some(_) => Err(Invalid),
        None => Ok(None),
    }
}

/// Digits only: a sign or a blank inside would be read differently elsewhere.
fn parse_length(value: &[u8]) -> Result<u64, Invalid> {
    let digits =
        (1..=MAXIMUM_LENGTH_DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).map_err(|_| Invalid)?;
    // Twenty digits may be more than fits: such a body is refused for its length, whatever it is.
    digits
        .then(|| text.parse().unwrap_or(u64::MAX))
        .ok_or(Invalid)
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
            "GET / HTTP/11\nHost: h\n\n",
            "GET / http/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\n Host: h\n\n",
            "GET / HTTP/1.1\nHost : h\n\n",
            "GET / HTTP/1.1\nHost: h\nA: b\rc\n\n",
            "GET / HTTP/1.1\nHost: h\nA: b\u{b}c\n\n",
            "GET / HTTP/1.1\nHost: h\nA\n\n",
            "GET / HTTP/1.1\nHost: h\n: a\n\n",
            "GET /\nHost: h\n\n",
            "G(T / HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\nHost: h\nA b: c\n\n",
            "GET / HTTP/1.1\nHost: h\nA: \0\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: x\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: +1\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Length: 2\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Length: 01\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 1,2\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length:\n\n",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 000000000000000000001\n\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_the_python_server_reads_is_read() {
        let field = |text: &str| {
            let head = head(&format!("POST / HTTP/1.1\nHost: h\n{text}\n\n")).unwrap();
            head.request.headers[1].clone()
        };
        let named = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        assert_eq!(field("A:b"), named("A", b"b"));
        assert_eq!(
            field("A:\t b\u{1}\u{7f}\t c \t"),
            named("A", b"b\x01\x7f\t c")
        );
        assert_eq!(field("A: b\n\t c"), named("A", b"b c"));
        assert_eq!(field("A:"), named("A", b""));
        assert_eq!(field("A: \u{e9}"), named("A", "\u{e9}".as_bytes()));
        let twice = "Content-Length: 5 , 5\nX: y\ncontent-length: 5";
        assert_eq!(field(twice), named("Content-Length", b"5"));
        let huge = "Content-Length: 99999999999999999999";
        assert_eq!(field(huge).1.len(), 20);
        assert!(head("GET / HTTP/2.0\n\n").unwrap().keep_alive);
        assert!(parse(b"GET / HTTP/1.1\nHost: h\r\nA: b\n\n").is_ok());
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
        for (bytes, position) in [
            (&b"a\n\nb"[..], Some(3)),
            (b"a\n\r\nb", Some(4)),
            (b"a\r\n\nb", Some(4)),
            (b"a\n\rb\n", None),
        ] {
            assert_eq!(end(bytes, 0), position, "{bytes:?}");
        }
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
