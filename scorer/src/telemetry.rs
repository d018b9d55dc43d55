//! What the service tells about itself: logs, metrics, traces. Never a header, body or target.

mod metrics;
mod panics;

pub use metrics::Metrics;
pub use panics::tell_only_where_it_panicked;

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// How long a collector may take for one batch.
const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps telemetry going; on [`shutdown`](Self::shutdown) what is buffered is sent.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("the client that sends traces cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the client that sends traces cannot be made: its thread broke off")]
    ClientThread,
    #[error("logging is set up already")]
    AlreadySet,
}

/// Logs as JSON lines on standard error, at the level of `RUST_LOG` (default `info`); traces to the
/// collector, if one is named.
///
/// # Errors
/// The collector's address is unusable, or this was called before.
pub fn init(otlp_endpoint: Option<&str>) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let provider = otlp_endpoint.map(tracer_provider).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("scorer"))
            .with_filter(EnvFilter::new("scorer=info"))
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(traces)
        .try_init()
        .map_err(|_| TelemetryError::AlreadySet)?;
    Ok(Telemetry(provider))
}

fn tracer_provider(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(collector_client()?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()?;
    let resource = opentelemetry_sdk::Resource::builder()
        .with_service_name("scorer")
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// Traces leave from a thread of the exporter, which no asynchronous runtime drives: a client that
/// needs one would send nothing. This one blocks, and has to be made outside a runtime.
fn collector_client() -> Result<reqwest::blocking::Client, TelemetryError> {
    let build = || {
        reqwest::blocking::Client::builder()
            // What is traced goes to the collector that was named, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(COLLECTOR_TIMEOUT)
            .build()
    };
    let client = std::thread::spawn(build).join();
    Ok(client.map_err(|_| TelemetryError::ClientThread)??)
}

impl Telemetry {
    /// Sends what is buffered.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}
