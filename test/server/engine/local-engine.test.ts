import { expect, test } from 'vitest'
import type { Engine } from '../../../server/engine/engine.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'

test('is up, wins every claim, and has no other nodes', async () => {
  const engine: Engine = new LocalEngine()
  expect(engine.state).toBe('up')
  expect(await engine.claim('tick', 1_000)).toEqual({ scope: 'cluster', nextInMs: 1_000 })
  engine.nodes.answer('topics', () => ['room:a'])
  engine.nodes.tell('n1', 'topics', null)
  expect([await engine.nodes.ask('n1', 'topics', null), await engine.nodes.askAll('topics', null)]).toEqual([
    undefined,
    [],
  ])
})
