//! Counters for Prometheus.

use std::time::Duration;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::service::Service;

/// Seconds; a repeated scoring takes single milliseconds.
const BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Methods that get a label of their own: anything may stand in a request line.
const METHODS: [&str; 8] = [
    "GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE",
];

/// The metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    connections: IntGaugeVec,
    credential_cache: IntGaugeVec,
    dependencies: IntGaugeVec,
}

impl Metrics {
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the expectations below are about constants"
    )]
    pub fn new() -> Self {
        let valid = "a constant metric description is valid";
        let requests = IntCounterVec::new(
            Opts::new("scorer_requests_total", "Requests answered"),
            &["route", "method", "status"],
        )
        .expect(valid);
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "scorer_request_duration_seconds",
                "Time from a request's last byte to its answer",
            )
            .buckets(BUCKETS.to_vec()),
            &["route"],
        )
        .expect(valid);
        let connections = IntGaugeVec::new(
            Opts::new("scorer_db_pool_connections", "Database connections"),
            &["database", "state"],
        )
        .expect(valid);
        let credential_cache = IntGaugeVec::new(
            Opts::new(
                "scorer_credential_cache_total",
                "Proofs found verified, and proofs verified",
            ),
            &["result"],
        )
        .expect(valid);
        let dependencies = IntGaugeVec::new(
            Opts::new(
                "scorer_dependency_up",
                "1 for what the service depends on and what answers now",
            ),
            &["dependency"],
        )
        .expect(valid);
        let build = IntGaugeVec::new(
            Opts::new("scorer_build_info", "The version that runs"),
            &["version"],
        )
        .expect(valid);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let registry = Registry::new();
        let distinct = "constant metric names are distinct";
        registry
            .register(Box::new(requests.clone()))
            .expect(distinct);
        registry
            .register(Box::new(durations.clone()))
            .expect(distinct);
        registry
            .register(Box::new(connections.clone()))
            .expect(distinct);
        registry
            .register(Box::new(credential_cache.clone()))
            .expect(distinct);
        registry
            .register(Box::new(dependencies.clone()))
            .expect(distinct);
        registry.register(Box::new(build)).expect(distinct);
        Self {
            registry,
            requests,
            durations,
            connections,
            credential_cache,
            dependencies,
        }
    }

    pub(crate) fn observe(&self, route: &str, method: &str, status: u16, duration: Duration) {
        let method = METHODS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .unwrap_or(&"other");
        self.requests
            .with_label_values(&[route, method, &status.to_string()])
            .inc();
        self.durations
            .with_label_values(&[route])
            .observe(duration.as_secs_f64());
    }

    /// All metrics as text. The state of the service is looked up now; what it depends on was
    /// asked by the caller.
    pub(crate) fn render(&self, service: &Service, dependencies: &[(&str, bool)]) -> String {
        for (dependency, up) in dependencies {
            self.dependencies
                .with_label_values(&[dependency])
                .set(i64::from(*up));
        }
        let databases = service.databases();
        for (name, pool) in [("primary", &databases.primary), ("read", &databases.read)] {
            let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
            let used = i64::from(pool.size()).saturating_sub(idle);
            self.connections
                .with_label_values(&[name, "idle"])
                .set(idle);
            self.connections
                .with_label_values(&[name, "used"])
                .set(used);
        }
        let counts = service.engine().verifier().cache_counts();
        for (result, count) in [("hit", counts.hits), ("miss", counts.misses)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.credential_cache
                .with_label_values(&[result])
                .set(count);
        }
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
