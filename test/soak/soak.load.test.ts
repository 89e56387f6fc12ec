import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, type Scripts } from '../helpers/own-process.ts'
import { digest, keepRecords } from '../load/finding.ts'
import { isFullSize } from '../load/size.ts'
import { judge, judgeDeliveries } from './judge-soak.ts'
import { report } from './report.ts'
import { sizes } from './size.ts'
import { Soak } from './soak.ts'

const size = isFullSize ? sizes.full : sizes.small
const seconds = (size.rounds * size.roundMs) / 1_000

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    server: 'test/soak/server.ts',
    steady: 'test/soak/steady.ts',
    crowd: 'test/soak/crowd.ts',
  })
})
afterAll(() => scripts.remove())

const title = `${size.steady} clients stay for ${seconds} s while others come, go and offend: they lose nothing, nothing stays behind, and the server stops under siege`
it(title, { timeout: 180_000 + 2_000 * seconds }, async () => {
  const soak = new Soak(size, scripts.folder)
  const run = await soak.run()
  const verdict = judge(run)
  process.stdout.write(report(verdict, run))
  await keepRecords('soak', run, verdict.findings)
  expect(digest(verdict.findings)).toEqual([])
  // Check that enough messages were received, because a run without messages cannot miss any.
  expect(verdict.heard).toBeGreaterThan(0.9 * size.steady * seconds)
  const guests = Object.values(verdict.churn).reduce((sum, count) => sum + count, 0)
  expect(guests).toBe(size.churn * seconds)
  expect(verdict.churn['joined']).toBeGreaterThan(guests / 2)

  const siege = await soak.siege()
  const { findings, heard } = judgeDeliveries(siege)
  expect(digest(findings)).toEqual([])
  expect(heard).toBeGreaterThan(0.5 * size.besieged * (size.siegeMs / size.everyMs))
  expect(siege.exit).toEqual({ code: 0, signal: null })
  // The time that a drain has (DRAIN-3).
  if (isFullSize) expect(siege.stopMs).toBeLessThanOrEqual(30_000)
})
