# The chat in a container: docker build -t fastify-phoenix .
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npx tsup --no-dts

# Of the packages only those that the bundle needs at run time.
FROM node:22-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .ci/app-packages.mjs ./
COPY --from=build /build/dist/app ./dist/app
RUN node app-packages.mjs && npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=packages /packages/node_modules ./node_modules
COPY --from=build /build/dist/app ./dist/app
COPY --from=build /build/dist/client ./dist/client
COPY --from=build /build/dist/dashboard ./dist/dashboard
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Without npm in between, so that it gets the signals; arguments are the app's, such as --workers auto.
ENTRYPOINT ["node", "--enable-source-maps", "dist/app/main.js"]
