//! An HTTP/1 connection: one request after the other.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    App,
    body::{self, Body, BodyError},
    head::{self, Head, Invalid},
};
use crate::message::Response;

/// Bytes of a refused body that are read and dropped, so that the client gets to see the answer.
const MAXIMUM_DROPPED: u64 = 64 * 1024 * 1024;
/// Bytes of a head, target and all fields.
const MAXIMUM_HEAD: usize = 256 * 1024;
/// How long a connection may be idle between requests.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client may go on sending a body that was refused.
const LINGER: Duration = Duration::from_secs(5);
/// How long a request may take to arrive once begun, and how long one write may take.
const TRANSFER: Duration = Duration::from_secs(60);

/// Serves a connection until either side ends it. `buffer` holds what was read of it already.
pub(super) async fn serve<S>(
    mut stream: S,
    mut buffer: BytesMut,
    app: Arc<App>,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    loop {
        let ended = match next_head(&mut stream, &mut buffer, &shutdown).await {
            Next::Head(head) => answer(&mut stream, &mut buffer, head, &app, &shutdown).await,
            Next::Refused => refuse(&mut stream).await,
            Next::End => return,
        };
        if !matches!(ended, Ok(Continue::KeepAlive)) {
            // Nothing more to say; a failing goodbye is the peer's business.
            let _ = stream.shutdown().await;
            return;
        }
    }
}

enum Next {
    Head(Box<Head>),
    /// Bytes that are no request.
    Refused,
    /// The peer is gone or idle, or the server stops.
    End,
}

enum Continue {
    KeepAlive,
    Close,
}

async fn next_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    shutdown: &CancellationToken,
) -> Next {
    let mut searched = 0;
    // The whole head has to be there in time: one byte a minute is no way to send it.
    let mut deadline = None;
    loop {
        if head::is_hopeless(buffer) {
            return Next::Refused;
        }
        if let Some(end) = head::end(buffer, searched) {
            return match head::parse(&buffer.split_to(end)) {
                Ok(head) => Next::Head(Box::new(head)),
                Err(Invalid) => Next::Refused,
            };
        }
        if buffer.len() > MAXIMUM_HEAD {
            return Next::Refused;
        }
        searched = buffer.len();
        let is_idle = buffer.is_empty() && deadline.is_none();
        let until = match is_idle {
            true => Instant::now() + IDLE,
            false => *deadline.get_or_insert_with(|| Instant::now() + TRANSFER),
        };
        let read = async {
            if is_idle {
                tokio::select! {
                    read = stream.read_buf(buffer) => Some(read),
                    () = shutdown.cancelled() => None,
                }
            } else {
                Some(stream.read_buf(buffer).await)
            }
        };
        match timeout_at(until, read).await {
            Ok(Some(Ok(count))) if count > 0 => {}
            _ => return Next::End,
        }
    }
}

async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    buffer: &mut BytesMut,
    head: Box<Head>,
    app: &App,
    shutdown: &CancellationToken,
) -> std::io::Result<Continue> {
    let Head {
        mut request,
        body: length,
        keep_alive,
        expects_continue,
        is_http_10,
    } = *head;
    if expects_continue {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let is_unread = match timeout(TRANSFER, body::read(stream, buffer, length)).await {
        Ok(Ok(Body::Read(body))) => {
            request.body = body;
            false
        }
        Ok(Ok(Body::Unread)) => true,
        Ok(Err(BodyError::Invalid | BodyError::TooLarge)) => return refuse(stream).await,
        Ok(Err(BodyError::Io(error))) => return Err(error),
        Err(_) => return Ok(Continue::Close),
    };
    let is_head = request.method == "HEAD";
    let response = app.call(request).await;
    let keep_alive = keep_alive && !is_unread && !shutdown.is_cancelled();
    let bytes = write_head(&response, keep_alive, is_http_10);
    let chunked = !is_http_10 && !is_head && is_chunked(&response);
    timeout(TRANSFER, async {
        stream.write_all(&bytes).await?;
        if chunked {
            write_chunked(stream, &response.body).await?;
        } else {
            stream.write_all(&response.body).await?;
        }
        stream.flush().await
    })
    .await??;
    if is_unread {
        drop_body(stream).await;
    }
    Ok(match keep_alive {
        true => Continue::KeepAlive,
        false => Continue::Close,
    })
}

/// Reads what the client still sends: closing a connection with unread bytes would reset it.
async fn drop_body(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let _ = stream.shutdown().await;
    let mut rest = stream.take(MAXIMUM_DROPPED);
    let mut nowhere = tokio::io::sink();
    let dropped = tokio::io::copy(&mut rest, &mut nowhere);
    // However it ends, the connection is closed next.
    let _ = timeout(LINGER, dropped).await;
}

fn is_chunked(response: &Response) -> bool {
    let mut names = response.headers.iter().map(|(name, _)| name);
    names.any(|name| name.eq_ignore_ascii_case("Transfer-Encoding"))
}

async fn write_chunked(
    stream: &mut (impl AsyncWrite + Unpin),
    body: &Bytes,
) -> std::io::Result<()> {
    if !body.is_empty() {
        let size = format!("{:x}\r\n", body.len());
        stream.write_all(size.as_bytes()).await?;
        stream.write_all(body).await?;
        stream.write_all(b"\r\n").await?;
    }
    stream.write_all(b"0\r\n\r\n").await
}

fn write_head(response: &Response, keep_alive: bool, is_http_10: bool) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(response.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let date = super::http_date();
    let mut head =
        format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        if is_http_10 && name.eq_ignore_ascii_case("Transfer-Encoding") {
            continue;
        }
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    if !keep_alive {
        head.extend_from_slice(b"Connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// What the Python server says to bytes that are no request (contract §1.4).
async fn refuse(stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<Continue> {
    stream
        .write_all(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
              Connection: close\r\n\r\nInvalid HTTP request received.",
        )
        .await?;
    stream.flush().await?;
    Ok(Continue::Close)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a client that sends one byte of `text` in every `pause`, and when.
    async fn drip(text: &str, pause: Duration) -> (Next, Duration) {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let text = text.as_bytes().to_vec();
        tokio::spawn(async move {
            for byte in text {
                let _ = client.write_all(&[byte]).await;
                tokio::time::sleep(pause).await;
            }
            std::future::pending::<()>().await;
        });
        let begun = Instant::now();
        let shutdown = CancellationToken::new();
        let next = next_head(&mut server, &mut BytesMut::new(), &shutdown).await;
        (next, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_to_be_whole_in_time_however_steadily_it_comes() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let (next, took) = drip(head, Duration::from_secs(1)).await;
        assert!(matches!(next, Next::Head(_)), "{took:?}");
        let (next, took) = drip(head, Duration::from_secs(30)).await;
        assert!(matches!(next, Next::End), "{took:?}");
        assert!(took <= TRANSFER + Duration::from_secs(1), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_be_idle_for_a_while() {
        let (next, took) = drip("", Duration::ZERO).await;
        assert!(matches!(next, Next::End));
        assert!(took >= IDLE && took <= IDLE + Duration::from_secs(1));
    }
}
