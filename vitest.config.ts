import { defineConfig } from 'vitest/config'

// A test file's name states what it needs: `*.test.ts` needs nothing and measures no time.
const quick = ['test/**/*.test.ts']
const browser = ['test/**/*.browser.test.ts']
const redis = ['test/**/*.redis.test.ts']
const process = ['test/**/*.process.test.ts']
const load = ['test/**/*.load.test.ts']

/** Clients of the chat and the official client: these run once more with `AUTH_SECRET` set. */
const auth = [
  'test/app/{errors,limits,security,nodes.redis}.test.ts',
  'test/app/{channels,contracts,routes}/*.test.ts',
  'test/client/page.browser.test.ts',
  'test/integration/{phoenix-js,official-longpoll,health.process}.test.ts',
]

/** What the samples of the docs need beside a process: the package, a browser or Redis. */
const installs = ['test/setup/install.ts', 'test/setup/package-folder.ts']

/** For tests that start browsers, servers and processes on a machine that may be busy. */
const testTimeout = 120_000
/** These tiers wait more often: for processes, browsers and leases. */
const maxWorkers = 4
const lines95 = { lines: 95 }

/** One tier of tests; tiers run one after the other, in the order of `groupOrder`. */
function tier(name: string, groupOrder: number, options: object) {
  return { extends: true as const, test: { name, sequence: { groupOrder }, ...options } }
}

export default defineConfig({
  test: {
    // Far above what any test takes: a limit for tests that hang, not a bound.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 50_000 } },
    // One more than cores, because some files wait.
    maxWorkers: 3,
    // Files of one worker share its process, which halves the time of the quick tier.
    isolate: false,
    projects: [
      tier('quick', 0, {
        include: quick,
        exclude: [...browser, ...redis, ...process, ...load],
        globalSetup: 'test/setup/left-out.ts',
      }),
      tier('process', 1, {
        include: process,
        testTimeout,
        maxWorkers,
        globalSetup: 'test/setup/package-folder.ts',
      }),
      tier('redis', 1, { include: redis, testTimeout, maxWorkers, globalSetup: installs }),
      tier('browser', 1, { include: browser, testTimeout, maxWorkers, globalSetup: installs }),
      tier('auth', 1, {
        include: auth,
        testTimeout,
        maxWorkers,
        env: { AUTH_SECRET: 'a-secret-of-the-tests-of-32-bytes-or-more' },
      }),
      tier('load', 2, {
        include: load,
        testTimeout,
        globalSetup: 'test/setup/install.ts',
      }),
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
