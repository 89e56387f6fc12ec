import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../helpers/markdown.ts'
import { bundle, type Scripts } from '../helpers/own-process.ts'

type Outcome = { heard: number; of: number; doubled: number; misordered: number; cuts: number }
type Report = { outcomes: Record<string, Outcome>; faults: string[] }

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ main: 'test/conformance/main.ts', client: 'client/recoverable.ts' })
})
afterAll(() => scripts.remove())

async function jitter(...more: string[]): Promise<Report> {
  const script = join(root, 'bench/jitter.mjs')
  const args = [script, '--quick', '--json', '--built', scripts.folder, ...more]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout)
}

test.each([
  ['one node', []],
  ['two nodes', ['--nodes', '2']],
  ['a durable Redis that is killed', ['--kill', 'always']],
])(
  'clients that recover receive every message once and in order; other clients do not: %s',
  async (_title, more) => {
    const { outcomes, faults } = await jitter(...more)
    expect(faults).toEqual([])
    expect(outcomes['oursRecovery']).toMatchObject({ heard: 800, of: 800, doubled: 0, misordered: 0 })
    // The cuts are real.
    expect(outcomes['ours']?.heard).toBeLessThan(800)
    expect(outcomes['oursRecovery']?.cuts).toBeGreaterThan(20)
  },
)
