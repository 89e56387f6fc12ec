import { execFile } from 'node:child_process'
import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineContract } from '../../../server/index.ts'
import { bundle, type Scripts } from '../../helpers/own-process.ts'
import { freePort, ownPrefix, startRedis } from '../../helpers/redis.ts'
import { RedisNode } from '../../helpers/redis-node.ts'

const Log = defineContract({
  topic: 'log:*',
  outgoing: { said: Type.Object({ n: Type.Integer() }) },
  history: { events: ['said'] },
})
let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ cli: 'server/cli/main.ts' })
})
afterAll(() => scripts.remove())

/** Run `fastify-phoenix broadcast …` in a process of its own: its exit code and standard error. */
function broadcast(args: readonly string[], env: Record<string, string> = {}): Promise<[unknown, string]> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env } }
    execFile('node', [`${scripts.folder}/cli.js`, 'broadcast', ...args], options, (error, _out, err) =>
      resolve([error?.code ?? 0, err]),
    )
  })
}

test('broadcast reaches the nodes and histories, or exits with 1 and the reason', async () => {
  const nowhere = broadcast(['--url', `redis://127.0.0.1:${await freePort()}`, 'plain:a', 'said', '{}'])
  const { url } = await startRedis()
  const prefix = ownPrefix()
  const node = await RedisNode.start({ url, prefix }, { histories: [Log] })
  const listener = await node.listen('plain:a')
  const own = ['--prefix', prefix]
  expect(await broadcast(['--url', url, ...own, 'plain:a', 'said', '{"n":1}'])).toEqual([0, ''])
  await listener.has(1)
  const once = [...own, '--key', 'k', 'log:a', 'said']
  const sent = await Promise.all(
    ['{"n":2}', '{"n":2}'].map((n) => broadcast([...once, n], { REDIS_URL: url })),
  )
  expect(sent).toEqual([
    [0, ''],
    [0, ''],
  ])
  const page = await node.endpoint.history(Log, 'log:a', { last: 10 })
  expect(page?.messages).toMatchObject([{ seq: 1, event: 'said', payload: { n: 2 } }])
  const [reused, unknown] = await Promise.all([
    broadcast([...once, '{"n":3}'], { REDIS_URL: url }),
    broadcast(['--prefix', ownPrefix(), 'log:a', 'said', '{"n":3}'], { REDIS_URL: url }),
  ])
  expect(reused).toEqual([1, expect.stringMatching(/^fastify-phoenix broadcast: the key was already .*\n$/)])
  expect(unknown).toEqual([1, expect.stringMatching(/^fastify-phoenix broadcast: .* no node with .*\n$/)])
  expect(await nowhere).toEqual([
    1,
    expect.stringMatching(/broadcast: Redis was not reached.*ECONNREFUSED.*\n$/),
  ])
})
