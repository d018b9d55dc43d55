# The proxy that stands in front of the reference. Build from the repository's root:
#   docker build -f deploy/shadow-proxy.Dockerfile -t shadow-proxy:0.1.0 .
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
RUN CARGO_PROFILE_RELEASE_STRIP=true cargo build --release --locked -p shadow-proxy

FROM debian:bookworm-slim
# The journal and the stage file live here: mount a volume to keep them over a restart.
RUN useradd --system --uid 10001 --no-create-home shadow-proxy \
    && install -d -o 10001 -g 10001 /var/lib/shadow-proxy
COPY --from=build /src/target/release/shadow-proxy /usr/local/bin/shadow-proxy
COPY deploy/shadow-proxy.toml /etc/shadow-proxy/shadow-proxy.toml
COPY fixtures/passport/rules.toml fixtures/passport/ledger.toml /etc/shadow-proxy/
USER 10001:10001
VOLUME /var/lib/shadow-proxy
EXPOSE 8000 9900
ENTRYPOINT ["/usr/local/bin/shadow-proxy"]
CMD ["--config", "/etc/shadow-proxy/shadow-proxy.toml"]
