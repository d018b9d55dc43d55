//! A wire between the proxy and the reference that can be made slow or cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// What the wire does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Wire {
    Whole,
    Slow,
    Cut,
}

#[derive(Debug, Clone)]
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<AtomicU8>,
    /// Counts cuts and mends: an exchange in which it moved was disturbed.
    cuts: Arc<AtomicU64>,
    cut: watch::Sender<u64>,
}

impl Relay {
    pub(crate) async fn start(reference: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let relay = Self {
            address: listener.local_addr()?,
            wire: Arc::new(AtomicU8::new(Wire::Whole as u8)),
            cuts: Arc::default(),
            cut: watch::Sender::new(0),
        };
        let own = relay.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(own.clone().carry(client, reference));
            }
        });
        Ok(relay)
    }

    async fn carry(self, mut client: TcpStream, reference: SocketAddr) {
        let mut cut = self.cut.subscribe();
        if self.is(Wire::Cut) {
            return;
        }
        if self.is(Wire::Slow) {
            sleep(Duration::from_millis(300)).await;
        }
        let Ok(mut server) = TcpStream::connect(reference).await else {
            return;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => {}
            _ = cut.changed() => {}
        }
    }

    fn is(&self, wire: Wire) -> bool {
        self.wire.load(Ordering::SeqCst) == wire as u8
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the wire. Cutting it, or making it slow, ends every connection on it.
    pub(crate) fn set(&self, wire: Wire) {
        let before = self.wire.swap(wire as u8, Ordering::SeqCst);
        if wire as u8 != before {
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        if wire != Wire::Whole {
            self.cut.send_modify(|count| *count += 1);
        }
    }

    /// Changes so far, and whether the wire is whole now.
    pub(crate) fn disturbance(&self) -> (u64, bool) {
        (self.cuts.load(Ordering::SeqCst), self.is(Wire::Whole))
    }
}
