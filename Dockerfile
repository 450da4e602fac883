# syntax=docker/dockerfile:1
# Build: docker build -t plenum .    Run: see README.md
# Both stages are Debian 12, so the GStreamer that is linked is the GStreamer that runs.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# The lists first: packages are installed again only when they change.
COPY Makefile ./
COPY scripts scripts
RUN make packages
COPY public public
RUN make vendor
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
COPY scripts /tmp/scripts
RUN /tmp/scripts/packages.sh run && rm -rf /tmp/scripts /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/plenum plenum
COPY --from=build /src/target/release/plenum /usr/local/bin/plenum
USER plenum
WORKDIR /var/lib/plenum
VOLUME /var/lib/plenum
# 3000: page, API and signaling. It starts with a key only (PLENUM_KEYS__NAME), or with PLENUM_OPEN=true.
# The UDP range carries media; people must be able to reach it directly.
ENV PLENUM_LISTEN=0.0.0.0:3000 PLENUM_ICE__PORT_MIN=40000 PLENUM_ICE__PORT_MAX=40999
EXPOSE 3000/tcp
EXPOSE 40000-40999/udp
STOPSIGNAL SIGTERM
# Not `plenum check`: that tries encoders.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PLENUM_LISTEN##*:} && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["plenum"]
# A binary that cannot find its plugins should fail here and not in front of people.
RUN ["plenum", "check"]
