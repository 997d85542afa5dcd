# oobctl in one container: `oobctl up`, which is panel, worker and monitor on SQLite. Run it with OOBCTL_PUBLIC_URL (README).
# `--format docker` keeps HEALTHCHECK under buildah.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates npm python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The environment stands where it will run: its programs hold their own path.
COPY requirements.lock ./
RUN python3 -m venv /opt/oobctl \
 && /opt/oobctl/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY .ci/vendor.py .ci/vendor.py
COPY web/static/vendor.lock.json web/static/vendor.lock.json
RUN python3 .ci/vendor.py
COPY pyproject.toml README.md LICENSE ./
COPY oobctl oobctl
COPY web web
COPY hwprofiles hwprofiles
RUN /opt/oobctl/bin/hatchling build -t wheel \
 && /opt/oobctl/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index dist/*.whl

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates dnsmasq-base ipxe python3 util-linux zstd \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 990 --user-group --home-dir /var/lib/oobctl --shell /usr/sbin/nologin oobctl \
 && install -d -o oobctl -g oobctl -m 0700 /var/lib/oobctl
COPY --from=build /opt/oobctl /opt/oobctl
ENV PATH=/opt/oobctl/bin:$PATH OOBCTL_HOME=/var/lib/oobctl OOBCTL_LISTEN=0.0.0.0:8080 PYTHONDONTWRITEBYTECODE=1
USER oobctl
WORKDIR /var/lib/oobctl
VOLUME /var/lib/oobctl
EXPOSE 8080 8090 8100 8110 8120
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
CMD ["oobctl", "up"]
