import type { TestProject } from 'vitest/node'

let isAlone = false

export function setup({ vitest }: TestProject): void {
  isAlone = vitest.projects.length === 1
}

/** After a run of the quick tier alone, say which tiers did not run. */
export function teardown(): void {
  if (!isAlone) return
  console.log(
    '\nLeft out: tests that need Chromium, Redis or processes of their own, and load tests. `npm run test:all` runs everything.',
  )
}
