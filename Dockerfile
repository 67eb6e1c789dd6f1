# Needs nothing but this repository and the npm registry: docker build -t llm-gateway .

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY gen gen
COPY src src
RUN npm run build && chmod +x dist/main.js

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Node 24 has SQLite: the optional package is for Node 20.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# What is not there cannot be used against the gateway: no package manager.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg \
  && ln -s /app/dist/main.js /usr/local/bin/llm-gateway \
  && install -d -o 1000 -g 1000 /var/lib/llm-gateway
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY gen gen
COPY package.json LICENSE ./
# Node 24 lets the young part of the heap grow to twice the size of Node 20 and keeps that memory: see docs/deployment.md.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=16
# Where the ledger is kept, if there is one: mount a volume here.
ENV LLM_GATEWAY_LEDGER_FOLDER=/var/lib/llm-gateway
# The user `node` of the base image, as a number so that Kubernetes can tell that it is not root.
USER 1000:1000
# gRPC, HTTP, metrics
EXPOSE 50051 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["llm-gateway", "health"]
# The gateway is process 1: it takes SIGTERM itself and ends within server.drain.
ENTRYPOINT ["llm-gateway"]
CMD ["serve"]
