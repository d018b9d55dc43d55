//! A relay to PostgreSQL that counts how often a client waits for it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use scorer::embedded::Postgres;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, UnixStream, tcp::OwnedReadHalf, unix::OwnedWriteHalf},
};

/// Counts how often a client sends work and waits: simple queries, and `Sync` after other messages.
///
/// A `Sync` alone is the check with which the pool takes a connection back. It comes after the
/// request has its rows, and no request waits for it as long as another connection is free.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoundTrips(Arc<AtomicUsize>);

impl RoundTrips {
    /// The number since this was last asked.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// How to connect through the relay.
pub(crate) async fn relay(postgres: &Postgres) -> (PgConnectOptions, RoundTrips) {
    let options = postgres.connect_options().clone();
    let directory = options.get_socket().expect("a socket").clone();
    let socket = directory.join(format!(".s.PGSQL.{}", options.get_port()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trips = RoundTrips::default();
    tokio::spawn(serve(listener, socket, trips.clone()));
    let mut through = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(options.get_username())
        .ssl_mode(PgSslMode::Disable);
    if let Some(database) = options.get_database() {
        through = through.database(database);
    }
    (through, trips)
}

async fn serve(listener: TcpListener, socket: PathBuf, trips: RoundTrips) {
    while let Ok((client, _)) = listener.accept().await {
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, to_server) = UnixStream::connect(&socket).await.unwrap().into_split();
        tokio::spawn(forward_counting(from_client, to_server, trips.clone()));
        tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    }
}

async fn forward_counting(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    trips: RoundTrips,
) -> std::io::Result<()> {
    // The start-up message has no type.
    forward_body(&mut client, &mut server).await?;
    let mut work = false;
    loop {
        let kind = client.read_u8().await?;
        if kind == b'Q' || (kind == b'S' && work) {
            trips.0.fetch_add(1, Ordering::SeqCst);
        }
        work = !matches!(kind, b'S' | b'Q');
        server.write_u8(kind).await?;
        forward_body(&mut client, &mut server).await?;
    }
}

/// A length, which counts itself, and as many bytes.
async fn forward_body(
    client: &mut OwnedReadHalf,
    server: &mut OwnedWriteHalf,
) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    server.write_u32(length).await?;
    copy(&mut client.take(u64::from(length) - 4), server).await?;
    server.flush().await
}
