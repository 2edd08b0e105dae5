# Pinned by version: whoever builds for real adds the digest (docker buildx imagetools inspect node:24.18.0-bookworm-slim).
# glibc, not Alpine: DuckDB's library is measured on it.
FROM node:24.18.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package's own script runs, here or below: what is installed is what package-lock.json names, byte for byte.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY build.mjs tsconfig.json tsconfig.build.json ./
COPY src src
COPY detectors detectors
RUN node build.mjs \
 && npm ci --ignore-scripts --omit=dev --no-audit --no-fund

FROM node:24.18.0-bookworm-slim
# Nothing in the image installs packages once it is built.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/flowsentry
WORKDIR /opt/flowsentry
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY sample-logs sample-logs
# The thread pool's size is read before any of our code runs: DuckDB's queries hold a thread each, and files and names wait behind four.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=8 \
    NODE_COMPILE_CACHE=/tmp/flowsentry-compile-cache
# A number, so that Kubernetes' runAsNonRoot can see what it is.
USER 10001:10001
VOLUME /var/lib/flowsentry
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/flowsentry/bin/flowsentry.cjs"]
# A folder below the volume: the root of a fresh disk has a lost+found, and a data folder holds nothing of others.
CMD ["run", "--config", "/etc/flowsentry/flowsentry.yaml", "--data", "/var/lib/flowsentry/data"]
