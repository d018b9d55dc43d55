//! Keeps request targets that `http::Uri` would cut or refuse.
//!
//! Sits between the socket and hyper's server. Follows the requests on an HTTP/1 connection (with
//! hyper's own parser for heads) and replaces a target that is not plainly safe by a path that
//! holds it in hexadecimal: [`decode`] gives it back. Anything it cannot follow passes unchanged
//! from there on, and hyper decides.

use std::{
    io,
    mem::MaybeUninit,
    ops::Range,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::IdleTimer;
use crate::config::Limits;

/// Path prefix of an encoded target. A client's own target with this prefix is encoded as well.
const PREFIX: &str = "/.raw-target/";

/// The target as sent, when `path` is an encoded one.
pub fn decode(path: &str) -> Option<Bytes> {
    let digits = path.strip_prefix(PREFIX)?;
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| {
            let value = nibble(pair[0])? * 16 + nibble(pair[1])?;
            u8::try_from(value).ok()
        })
        .collect::<Option<Vec<u8>>>()
        .map(Bytes::from)
}

fn encode(target: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(PREFIX.as_bytes());
    for byte in target {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        out.extend_from_slice(&[
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
}

/// Whether `http::Uri` keeps the target as it is.
fn is_safe(method: &[u8], target: &[u8]) -> bool {
    if method == b"CONNECT" || target == b"*" {
        return true;
    }
    let is_plain = |byte: &u8| PLAIN[usize::from(*byte)];
    target.starts_with(b"/")
        && target.iter().all(is_plain)
        && !target.starts_with(PREFIX.as_bytes())
}

/// Which bytes `http::Uri` keeps in a target as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let bytes =
        b"/?:@-._~!$&'()*+,;=%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut at = 0;
    while at < bytes.len() {
        plain[bytes[at] as usize] = true;
        at += 1;
    }
    plain
};

/// As many fields of a head are parsed without asking for memory: the default limit.
const FEW_FIELDS: usize = 128;

/// What the next byte belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Position {
    /// A head; its bytes are held back until it is complete.
    Head,
    /// A body with so many bytes to go.
    Body(u64),
    Chunk(ChunkPosition),
    /// Not followed any more: HTTP/2, another protocol, or something hyper will refuse.
    Lost,
}

#[derive(Debug, PartialEq, Eq)]
enum ChunkPosition {
    /// In a chunk's size line, with the size read so far.
    Size {
        size: u64,
        digits: u8,
        extension: bool,
    },
    Data(u64),
    /// After a chunk's data: its line end.
    DataEnd,
    /// In the trailers; whether the current line is still empty.
    Trailers {
        line_is_empty: bool,
    },
}

const CHUNK_START: ChunkPosition = ChunkPosition::Size {
    size: 0,
    digits: 0,
    extension: false,
};

/// What stands at the beginning of some bytes.
#[derive(Debug)]
enum Parsed {
    Complete(Head),
    /// A head that goes on.
    Partial,
    /// Nothing that can be followed.
    Foreign,
}

/// A head.
#[derive(Debug)]
struct Head {
    length: usize,
    /// What comes after it.
    framing: Position,
    /// Where its target stands, if that has to be encoded.
    encode: Option<Range<usize>>,
}

/// Follows the requests in a stream of bytes.
#[derive(Debug)]
struct Follower {
    position: Position,
    /// Bytes of an incomplete head.
    head: BytesMut,
    head_limit: usize,
    header_count: usize,
}

impl Follower {
    fn new(head_limit: usize, header_count: usize) -> Self {
        Self {
            position: Position::Head,
            head: BytesMut::new(),
            head_limit,
            header_count,
        }
    }

    /// Passes over the part of `input` that can be read as it stands, most often all of it; returns
    /// its length. The rest is for [`Self::follow`].
    fn pass(&mut self, input: &[u8]) -> usize {
        let mut passed = 0;
        while passed < input.len() {
            let rest = &input[passed..];
            passed += match self.position {
                Position::Head if !self.head.is_empty() => break,
                Position::Head => match self.parse(rest) {
                    Parsed::Complete(head) if head.encode.is_none() => {
                        self.position = head.framing;
                        head.length
                    }
                    _ => break,
                },
                _ => self.advance(rest),
            };
        }
        passed
    }

    /// Moves `input` to `out`, with targets encoded where needed.
    fn follow(&mut self, mut input: &[u8], out: &mut BytesMut) {
        while !input.is_empty() {
            let taken = if self.position == Position::Head {
                self.follow_head(input, out)
            } else {
                let taken = self.advance(input);
                out.extend_from_slice(&input[..taken]);
                taken
            };
            input = &input[taken..];
        }
    }

    /// Goes over bytes that are not of a head; returns how many.
    fn advance(&mut self, input: &[u8]) -> usize {
        match &mut self.position {
            Position::Head => 0,
            Position::Lost => input.len(),
            Position::Body(left) => {
                let taken = input
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                if *left == 0 {
                    self.position = Position::Head;
                }
                taken
            }
            Position::Chunk(chunk) => {
                let (taken, next) = follow_chunk(chunk, input);
                if let Some(next) = next {
                    self.position = next;
                }
                taken
            }
        }
    }

    /// Adds to the head that is being read, and passes it on when it is complete. Returns how much
    /// of `input` belonged to it.
    fn follow_head(&mut self, input: &[u8], out: &mut BytesMut) -> usize {
        let before = self.head.len();
        self.head.extend_from_slice(input);
        // A head ends with a line; without one there is nothing new to parse.
        if !input.contains(&b'\n') && self.head.len() <= self.head_limit {
            return input.len();
        }
        let buffered = self.head.split();
        match self.parse(&buffered) {
            Parsed::Complete(head) => {
                self.position = head.framing;
                let mut plain_from = 0;
                if let Some(target) = head.encode {
                    out.extend_from_slice(&buffered[..target.start]);
                    encode(&buffered[target.clone()], out);
                    plain_from = target.end;
                }
                out.extend_from_slice(&buffered[plain_from..head.length]);
                head.length - before
            }
            Parsed::Partial => {
                self.head = buffered;
                input.len()
            }
            Parsed::Foreign => {
                self.position = Position::Lost;
                out.extend_from_slice(&buffered);
                input.len()
            }
        }
    }

    /// Reads the head at the beginning of `buffered`.
    fn parse(&self, buffered: &[u8]) -> Parsed {
        let mut few = [const { MaybeUninit::uninit() }; FEW_FIELDS];
        let mut many = Vec::new();
        let fields = if self.header_count <= FEW_FIELDS {
            &mut few[..self.header_count]
        } else {
            many.resize_with(self.header_count, MaybeUninit::uninit);
            &mut many[..]
        };
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(buffered, fields) {
            Ok(httparse::Status::Complete(length)) => {
                let method = request.method.unwrap_or_default().as_bytes();
                let target = request.path.unwrap_or_default().as_bytes();
                let start = target.as_ptr().addr() - buffered.as_ptr().addr();
                Parsed::Complete(Head {
                    length,
                    framing: framing(request.headers),
                    encode: (!is_safe(method, target)).then(|| start..start + target.len()),
                })
            }
            Ok(httparse::Status::Partial) if buffered.len() <= self.head_limit => Parsed::Partial,
            // Too long, HTTP/2's preface, or no HTTP: hyper has the last word.
            _ => Parsed::Foreign,
        }
    }

    /// What was held back when the client stopped in the middle of a head.
    fn give_up(&mut self, out: &mut BytesMut) {
        self.position = Position::Lost;
        out.extend_from_slice(&self.head.split());
    }
}

/// Where a message's body ends, by the rules hyper follows. A message it refuses is not followed.
fn framing(fields: &[httparse::Header<'_>]) -> Position {
    let mut length: Option<u64> = None;
    let mut chunked: Option<bool> = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            let last = field.value.rsplit(|byte| *byte == b',').next();
            let last = last.unwrap_or_default().trim_ascii();
            chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
        } else if field.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(field.value).ok();
            let digits = value.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match digits.and_then(|text| text.parse().ok()) {
                Some(value) if length.is_none_or(|before| before == value) => length = Some(value),
                _ => return Position::Lost,
            }
        }
    }
    match (chunked, length) {
        (Some(true), _) => Position::Chunk(CHUNK_START),
        (Some(false), _) => Position::Lost,
        (None, Some(left)) if left > 0 => Position::Body(left),
        (None, _) => Position::Head,
    }
}

/// Follows one piece of a chunked body: how many bytes, and where that leads (`None`: no change of
/// kind, the state was updated in place).
fn follow_chunk(chunk: &mut ChunkPosition, input: &[u8]) -> (usize, Option<Position>) {
    let byte = input[0];
    match chunk {
        ChunkPosition::Data(left) => {
            let taken = input
                .len()
                .min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= taken as u64;
            if *left == 0 {
                *chunk = ChunkPosition::DataEnd;
            }
            return (taken, None);
        }
        ChunkPosition::DataEnd => match byte {
            b'\r' => {}
            b'\n' => *chunk = CHUNK_START,
            _ => return (1, Some(Position::Lost)),
        },
        ChunkPosition::Size {
            size,
            digits,
            extension,
        } => match char::from(byte).to_digit(16) {
            Some(digit) if !*extension => {
                if *digits == 16 {
                    return (1, Some(Position::Lost));
                }
                *size = *size * 16 + u64::from(digit);
                *digits += 1;
            }
            _ if byte == b'\n' => {
                if *digits == 0 {
                    return (1, Some(Position::Lost));
                }
                *chunk = match *size {
                    0 => ChunkPosition::Trailers {
                        line_is_empty: true,
                    },
                    size => ChunkPosition::Data(size),
                };
            }
            _ => *extension |= byte != b'\r',
        },
        ChunkPosition::Trailers { line_is_empty } => match byte {
            b'\n' if *line_is_empty => return (1, Some(Position::Head)),
            b'\n' => *line_is_empty = true,
            b'\r' => {}
            _ => *line_is_empty = false,
        },
    }
    (1, None)
}

/// A client's connection with encoded targets.
#[derive(Debug)]
pub struct TargetKeeping<T> {
    inner: T,
    follower: Follower,
    /// Followed, but not yet read by hyper.
    ready: BytesMut,
    switched: Arc<AtomicBool>,
    ended: bool,
    /// Runs while a head is held back, of which hyper knows nothing yet.
    patience: IdleTimer,
    /// Nothing has come yet.
    fresh: bool,
}

impl<T> TargetKeeping<T> {
    /// `switched` is set by whoever switches the connection to another protocol.
    pub fn new(inner: T, limits: &Limits, switched: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            follower: Follower::new(limits.head.bytes(), limits.header_count),
            ready: BytesMut::new(),
            switched,
            ended: false,
            patience: IdleTimer::new(limits.head_timeout.0),
            fresh: true,
        }
    }

    /// Whether the client owes the rest of a head, or its first byte.
    fn is_owed_a_head(&self) -> bool {
        self.follower.position == Position::Head && (self.fresh || !self.follower.head.is_empty())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TargetKeeping<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.ready.has_remaining() {
                let length = this.ready.len().min(out.remaining());
                out.put_slice(&this.ready[..length]);
                this.ready.advance(length);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if this.follower.position == Position::Lost || this.switched.load(Ordering::Acquire) {
                return Pin::new(&mut this.inner).poll_read(cx, out);
            }
            let before = out.filled().len();
            let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, out) else {
                if this.is_owed_a_head() {
                    ready!(this.patience.poll_silence(cx));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                return Poll::Pending;
            };
            read?;
            this.fresh = false;
            let arrived = &out.filled()[before..];
            if arrived.is_empty() {
                this.ended = true;
                this.follower.give_up(&mut this.ready);
                continue;
            }
            let passed = this.follower.pass(arrived);
            this.follower.follow(&arrived[passed..], &mut this.ready);
            if this.follower.head.is_empty() {
                this.patience.reset();
            }
            out.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TargetKeeping<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }
}

#[cfg(test)]
mod tests;
