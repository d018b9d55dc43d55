//! Recorded answers served as a backend: the reference where there is no Python.

mod playback;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use parity::{
    exchange::{Request, Response},
    fixture::Scenario,
};

use self::playback::Playback;
use crate::http_server::{Handler, HttpServer, plain};

/// Header by which a client may say which scenario its request belongs to.
pub const SCENARIO_HEADER: &str = "x-parity-scenario";

/// Answer to a request that was not recorded.
const NOT_RECORDED: u16 = 501;

/// A server of recorded answers; it stops when this is dropped.
#[derive(Debug)]
pub struct Stub(HttpServer);

/// How long answers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// As long as the recorded backend took; no time where nobody measured.
    Recorded,
    Fixed(Duration),
}

struct Answers {
    playback: Playback,
    latency: Latency,
}

impl Stub {
    /// Serves the answers of these scenarios. A request gets the answer that
    /// was recorded for the same method, target, headers and body; where several were, the one that
    /// continues the scenario in progress.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        address: SocketAddr,
        scenarios: Vec<Scenario>,
        latency: Latency,
    ) -> std::io::Result<Self> {
        let answers = Answers {
            playback: Playback::new(scenarios),
            latency,
        };
        HttpServer::start(address, Arc::new(answers))
            .await
            .map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

impl Handler for Answers {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let recorded = self.playback.answer(&request);
            let latency = match (self.latency, &recorded) {
                (Latency::Fixed(time), _) => time,
                (Latency::Recorded, Some(answer)) => answer.latency,
                (Latency::Recorded, None) => Duration::ZERO,
            };
            tokio::time::sleep(latency).await;
            recorded.map(|answer| answer.response).unwrap_or_else(|| {
                plain(
                    NOT_RECORDED,
                    &format!("no answer is recorded for {}", request.target),
                )
            })
        })
    }
}
