# Debian with its Python 3.11: what deploy/Dockerfile builds upon where python:3.11-slim cannot be pulled.
# No version is pinned: Debian's mirrors keep the newest of a release alone, and that is the mended one.
ARG BASE
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        python3 python3-venv tzdata \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && ln -s python3 /usr/bin/python
