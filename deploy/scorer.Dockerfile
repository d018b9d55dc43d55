# The scorer as a server after cutover. Build from the repository's root:
#   docker build -f deploy/scorer.Dockerfile -t scorer:0.1.0 .
# For another architecture: docker buildx build --platform linux/arm64 …; nothing here names one.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# rustls' ring backend compiles C and assembly. Not pinned: the base image decides the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY Cargo.toml Cargo.lock ./
COPY parity parity
COPY scorer scorer
COPY shadow-proxy shadow-proxy
COPY parity-cli parity-cli
# Without the carried database: a deployed scorer has DATABASE_URL, and the image halves.
RUN CARGO_PROFILE_RELEASE_STRIP=true cargo build --release --locked -p scorer --no-default-features

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home scorer
COPY --from=build /src/target/release/scorer /usr/local/bin/scorer
USER 10001:10001
ENV SCORER_LISTEN=0.0.0.0:8080 \
    SCORER_METRICS_LISTEN=0.0.0.0:9464
EXPOSE 8080 9464
ENTRYPOINT ["/usr/local/bin/scorer"]
