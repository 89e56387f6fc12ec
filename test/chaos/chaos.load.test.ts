import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, type Scripts } from '../helpers/own-process.ts'
import { digest, keepRecords } from '../load/finding.ts'
import { isFullSize } from '../load/size.ts'
import { chaos } from './chaos.ts'
import { judge } from './judge-chaos.ts'
import { report } from './report.ts'
import { sizes } from './size.ts'

const size = isFullSize ? sizes.full : sizes.small
const TEN_MINUTES = 600_000

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ node: 'test/chaos/node.ts', clients: 'test/chaos/clients.ts' })
})
afterAll(() => scripts.remove())

const title = `${size.clients} clients of ${size.nodes} nodes go through deaths of a node and of Redis`
it(title, { timeout: TEN_MINUTES }, async () => {
  const run = await chaos({ size, scripts: scripts.folder })
  const verdict = judge(run)
  process.stdout.write(report(verdict, run))
  await keepRecords('chaos', run, verdict.findings)
  expect(digest(verdict.findings)).toEqual([])
  // Check that enough deliveries were due, because a run without deliveries cannot miss any.
  expect(verdict.due - verdict.told).toBeGreaterThan(size.clients * run.faults.length)
})
