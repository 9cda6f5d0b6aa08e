# syntax=docker/dockerfile:1
# Tandem in an image: docker build -t tandem:0.1.0 .
# Two builds of one commit have the same packages (npm ci) on the same Node and Debian; for the same bytes of those too,
# pin the digest: --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tandem ./
COPY app app
COPY lib lib
# What runs: the compiled program, the SQL and Lua that it reads beside its package.json, and the packages that it imports.
# The stamps tell ./tandem that there is nothing to install or build.
RUN node node_modules/typescript/bin/tsc -p . \
  && npm prune --omit=dev --no-audit --no-fund \
  && cksum <package-lock.json >node_modules/.tandem-stamp \
  && touch dist/.stamp \
  && mkdir -p /image/app/store /image/app/fleet \
  && cp -a package.json package-lock.json tandem dist node_modules /image/ \
  && cp -a app/store/sql app/store/migrations /image/app/store/ \
  && cp -a app/fleet/lua /image/app/fleet/

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    TANDEM_URL=http://127.0.0.1:8080
# Root owns the program, so that the one who runs it cannot change it.
COPY --from=build /image /opt/tandem
RUN ln -s /opt/tandem/tandem /usr/local/bin/tandem \
  && install -d -o node -g node -m 0700 /var/lib/tandem
# Journal, the embedded PostgreSQL (which refuses to run as root) and the API key. A volume that is made from here is node's.
USER node
WORKDIR /var/lib/tandem
VOLUME /var/lib/tandem
# SIP and HTTP. Informative: a node speaks SIP, and RTP, on the host's network (docs/production.md).
EXPOSE 5060/udp 5060/tcp 5061/tcp 8080/tcp
# The first one drains: new calls go elsewhere, those on the line finish. Whoever stops the container must wait for that
# (node.drainTimeout, 30 minutes): docker stop --timeout 1860, stop_grace_period in compose.
STOPSIGNAL SIGTERM
# Alive, not ready: a node that drains or has lost its agent is to be left alone, not restarted under its calls.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.TANDEM_URL + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tandem"]
CMD ["start"]
