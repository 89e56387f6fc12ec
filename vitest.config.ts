import { defineConfig } from 'vitest/config'

/** They keep both cores busy for seconds, and run when those that measure time are done. */
const heavy = [
  'test/package.test.ts',
  'test/client/*.test.ts',
  'test/docs/samples.test.ts',
  'test/server/redis/*.test.ts',
  'test/integration/worker-processes.test.ts',
  'test/integration/notification.test.ts',
  'test/integration/longpoll-nodes*.test.ts',
  'test/integration/presence-{nodes,processes}.test.ts',
]
/** Each needs the machine for itself: it has several processes, and a time to be back in. */
const alone = [
  'test/chaos/chaos.test.ts',
  'test/chaos/errs.test.ts',
  'test/integration/storm.test.ts',
  'test/soak/soak.test.ts',
]
/**
 * They have clients of the chat, or of the sockets that the protocol is tested with, and run once more with
 * auth on: `AUTH_SECRET` is set, and `test/helpers/tokens.ts` gives each client a token. What has neither
 * would only do the same again. Left out for their time: restarts and Redis, which do not ask who is there,
 * `people`, whose names are the page's own, and what a page looks like.
 */
const withClients = [
  'test/app/**/*.test.ts',
  'test/client/page.test.ts',
  'test/conformance/golden.test.ts',
  'test/conformance/checklist/*.test.ts',
  'test/integration/{websocket,longpoll,phoenix-js,official-longpoll}.test.ts',
  'test/integration/{bad-input,health}.test.ts',
]
/** Not with auth on, for these reasons. */
const withoutAuth = [
  // They write every byte of their queries themselves.
  'test/conformance/checklist/{handshake,longpoll}.test.ts',
  // They set AUTH_SECRET themselves, or are about nothing that it changes.
  'test/app/{auth,doors,others,logger,loop-delay,setting,settings}.test.ts',
  'test/app/{cluster,docs}/*.test.ts',
  'test/app/workers/*.test.ts',
  // They ask with the token of the dashboard, or with none.
  'test/app/{dashboard-socket,routes/dashboard}.test.ts',
  // Nobody is without a name then.
  'test/app/guests.test.ts',
  // API_TOKEN alone, and the documents of an open chat; `doors` and a test of `openapi` have them with AUTH_SECRET.
  'test/app/{bearer,openapi}.test.ts',
]
/** Patience with browsers and processes that start on a machine with much else to do; no test waits so long to pass. */
const BROWSER_MS = 60_000
const lines95 = { lines: 95 }

export default defineConfig({
  test: {
    testTimeout: 15_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Files that share a process save half of the time, and what one leaves behind would be a fault anyway.
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.ts'],
          exclude: [...heavy, ...alone],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'heavy', include: heavy, testTimeout: BROWSER_MS, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'auth',
          include: withClients,
          exclude: withoutAuth,
          testTimeout: BROWSER_MS,
          env: { AUTH_SECRET: 'a-secret-of-the-tests-of-32-bytes-or-more' },
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, sequence: { groupOrder: 3 }, fileParallelism: false },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['protocol/**', 'server/**'],
      reporter: ['text-summary'],
      thresholds: {
        'protocol/**': lines95,
        'server/channel/**': lines95,
        'server/socket/**': lines95,
      },
    },
  },
})
