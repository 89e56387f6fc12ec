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
const chaos = ['test/chaos/chaos.test.ts', 'test/chaos/errs.test.ts', 'test/integration/storm.test.ts']
const lines95 = { lines: 95 }

export default defineConfig({
  test: {
    testTimeout: 15_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.ts'],
          exclude: [...heavy, ...chaos],
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'heavy', include: heavy, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: { name: 'chaos', include: chaos, sequence: { groupOrder: 2 }, fileParallelism: false },
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
