import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, type Scripts } from '../helpers/own-process.ts'
import { chaos } from './chaos.ts'
import { judge } from './judge-chaos.ts'
import { sizes } from './size.ts'

/** Size of a run that is just long enough for a node to make each error. */
const size = { ...sizes.small, nodes: 2, clients: 12, rooms: 2, quietMs: 1_000, trafficMs: 3_000 }

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ node: 'test/chaos/node.ts', clients: 'test/chaos/clients.ts' })
})
afterAll(() => scripts.remove())

// This test proves that the chaos test can fail.
it('detects a node that drops, duplicates and delays one message each, and leaks timers', async () => {
  const { findings } = judge(await chaos({ size, scripts: scripts.folder, errs: true }))
  const times = (kind: string) => findings.filter((finding) => finding.kind === kind).length
  const everybody = size.clients / size.rooms
  expect(times('missed')).toBe(everybody)
  expect(times('doubled')).toBe(everybody)
  expect(times('misordered')).toBe(everybody)
  const [held] = findings.filter(({ kind }) => kind === 'held')
  expect(held?.text).toMatch(/^node 1 has \d more Timeout than at the start$/)
  expect(findings.length).toBe(3 * everybody + 1)
}, 60_000)
