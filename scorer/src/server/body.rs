//! The body of an HTTP/1 request.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::head::BodyLength;
use crate::api::body::MAXIMUM_LENGTH;

/// Bytes of a body kept in memory. Chunked bodies are not bound by the limit on announced lengths
/// (contract §1.6), so they need one of their own.
const MAXIMUM_CHUNKED: usize = 64 * 1024 * 1024;
/// Bytes of the line before a chunk, extensions included.
const MAXIMUM_CHUNK_LINE: usize = 4 * 1024;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Broken chunks.
    Invalid,
    TooLarge,
    Io(std::io::Error),
}

impl From<std::io::Error> for BodyError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// A body that was read, or one whose announced length is refused whatever it holds.
#[derive(Debug)]
pub(super) enum Body {
    Read(Bytes),
    /// Left on the connection, which has to be closed.
    Unread,
}

/// Reads a body; what follows it stays in `buffer`.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    length: BodyLength,
) -> Result<Body, BodyError> {
    match length {
        BodyLength::Bytes(length) if length > MAXIMUM_LENGTH => Ok(Body::Unread),
        BodyLength::Bytes(length) => {
            // Within the limit, hence within usize.
            let length = usize::try_from(length).map_err(|_| BodyError::TooLarge)?;
            fill(stream, buffer, length).await?;
            Ok(Body::Read(buffer.split_to(length).freeze()))
        }
        BodyLength::Chunked => read_chunks(stream, buffer).await.map(Body::Read),
    }
}

async fn read_chunks(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(stream, buffer).await?;
        let size = chunk_size(&line)?;
        if size == 0 {
            // Trailers are read and dropped.
            while !read_line(stream, buffer).await?.is_empty() {}
            return Ok(body.freeze());
        }
        if size > MAXIMUM_CHUNKED - body.len() {
            return Err(BodyError::TooLarge);
        }
        fill(stream, buffer, size + 2).await?;
        body.extend_from_slice(&buffer[..size]);
        if &buffer[size..size + 2] != b"\r\n" {
            return Err(BodyError::Invalid);
        }
        let _ = buffer.split_to(size + 2);
    }
}

/// Hexadecimal digits, then nothing or an extension.
fn chunk_size(line: &[u8]) -> Result<usize, BodyError> {
    let mut parts = line.splitn(2, |byte| *byte == b';');
    let digits = match (parts.next().unwrap_or_default(), parts.next()) {
        (digits, Some(_)) => digits,
        (digits, None) => digits.trim_ascii_end(),
    };
    let well_formed = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).map_err(|_| BodyError::Invalid)?;
    usize::from_str_radix(text, 16)
        .ok()
        .filter(|_| well_formed)
        .ok_or(BodyError::Invalid)
}

async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<BytesMut, BodyError> {
    loop {
        if let Some(end) = buffer.windows(2).position(|at| at == b"\r\n") {
            let mut line = buffer.split_to(end + 2);
            line.truncate(end);
            return Ok(line);
        }
        if buffer.len() > MAXIMUM_CHUNK_LINE {
            return Err(BodyError::Invalid);
        }
        let wanted = buffer.len() + 1;
        fill(stream, buffer, wanted).await?;
    }
}

/// Reads until the buffer holds `length` bytes.
async fn fill(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    length: usize,
) -> Result<(), BodyError> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(BodyError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn chunks(text: &str) -> Result<(Bytes, BytesMut), BodyError> {
        let mut stream = text.as_bytes();
        let mut buffer = BytesMut::new();
        match read(&mut stream, &mut buffer, BodyLength::Chunked).await? {
            Body::Read(body) => Ok((body, buffer)),
            Body::Unread => unreachable!("only announced lengths are left unread"),
        }
    }

    #[tokio::test]
    async fn chunks_are_joined_and_what_follows_is_kept() {
        let text = "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: x\r\n\r\nGET /";
        let (body, rest) = chunks(text).await.unwrap();
        assert_eq!(body, "abc0123456789");
        assert_eq!(&rest[..], b"GET /");
    }

    #[tokio::test]
    async fn broken_chunks_are_refused() {
        for text in [
            "x\r\n",
            "\r\n",
            "-1\r\n",
            "+3\r\nabc\r\n",
            "3\r\nabcd\r\n",
            "0x3\r\nabc\r\n",
            "3 ;x\r\nabc\r\n",
        ] {
            assert!(
                matches!(chunks(text).await, Err(BodyError::Invalid)),
                "{text:?}"
            );
        }
        assert!(matches!(
            chunks("ffffffffff\r\n").await,
            Err(BodyError::TooLarge)
        ));
        assert!(matches!(chunks("3\r\nab").await, Err(BodyError::Io(_))));
    }
}
