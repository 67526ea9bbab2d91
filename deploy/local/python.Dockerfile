# Debian with its Python 3.11: what deploy/Dockerfile builds upon where python:3.11-slim cannot be pulled.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        python3 python3-venv tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s python3 /usr/bin/python
