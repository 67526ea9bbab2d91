# Debian's Prometheus, Alertmanager and nginx, with the names and places of prom/prometheus, prom/alertmanager
# and nginx-unprivileged: docker-compose.yml cannot tell them apart. Choose one by --target.
# No version is pinned: Debian's mirrors keep the newest of a release alone, and that is the mended one.
ARG BASE

FROM ${BASE} AS prometheus
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]

FROM ${BASE} AS alertmanager
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus-alertmanager \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && mkdir /alertmanager && chown 65534:65534 /alertmanager
USER 65534:65534
WORKDIR /alertmanager
ENTRYPOINT ["prometheus-alertmanager"]

FROM ${BASE} AS nginx
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light curl \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
USER 101:101
