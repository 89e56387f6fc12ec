import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { digest } from '../chaos/report.ts'
import { bundle, type Scripts } from '../helpers/own-process.ts'
import { judge } from './judge.ts'
import { report } from './report.ts'
import { sizes } from './size.ts'
import { Soak } from './soak.ts'

const size = process.env['SOAK'] === 'full' ? sizes.full : sizes.small
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

const title = `${size.steady} clients stay for ${seconds} s while others come, go and offend: they lose nothing, and nothing stays behind`
it(title, { timeout: 180_000 + 2_000 * seconds }, async () => {
  const run = await new Soak(size, scripts.folder).run()
  const verdict = judge(run)
  process.stdout.write(report(verdict, run))
  if (verdict.findings.length > 0) {
    const file = join(tmpdir(), `soak-${process.pid}.json`)
    await writeFile(file, JSON.stringify(run))
    process.stdout.write(`all that was recorded is in ${file}\n`)
  }
  expect(digest(verdict.findings)).toEqual([])
  // Were nothing heard, nothing could be missed.
  expect(verdict.heard).toBeGreaterThan(0.9 * size.steady * seconds)
  const guests = Object.values(verdict.churn).reduce((sum, count) => sum + count, 0)
  expect(guests).toBe(size.churn * seconds)
  expect(verdict.churn['joined']).toBeGreaterThan(guests / 2)
})
