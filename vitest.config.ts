import { defineConfig } from 'vitest/config'

/** They keep both cores busy for seconds, and run when those that measure time are done. */
const heavy = ['test/package.test.ts', 'test/client/*.test.ts', 'test/docs/samples.test.ts']
const lines95 = { lines: 95 }

export default defineConfig({
  test: {
    testTimeout: 15_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'light', include: ['test/**/*.test.ts'], exclude: heavy, sequence: { groupOrder: 0 } },
      },
      { extends: true, test: { name: 'heavy', include: heavy, sequence: { groupOrder: 1 } } },
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
