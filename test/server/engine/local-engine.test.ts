import { expect, test } from 'vitest'
import type { Engine } from '../../../server/engine/engine.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import { RedisEngine } from '../../../server/redis/index.ts'

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

test.each<[engine: string, engine: Engine]>([
  ['a LocalEngine', new LocalEngine()],
  ['a RedisEngine', new RedisEngine({ url: 'redis://127.0.0.1:1' })],
])('%s rejects a claim with invalid arguments', async (_, engine) => {
  const claims: [name: unknown, periodMs: unknown, what: string][] = [
    ['', 1_000, '`name` must be a non-empty string'],
    [undefined, 1_000, '`name` must be a non-empty string'],
    ['tick', 0, '`periodMs` must be an integer number of milliseconds'],
    ['tick', 1.5, '`periodMs` must be an integer number of milliseconds'],
    ['tick', 2 ** 31, '`periodMs` must be an integer number of milliseconds'],
  ]
  for (const [name, periodMs, what] of claims) {
    await expect(engine.claim(name as never, periodMs as never)).rejects.toMatchObject({
      code: 'PHX_ERR_OPTION',
      message: expect.stringContaining(`claim(name, periodMs): ${what}`),
    })
  }
})
