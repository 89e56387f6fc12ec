import { expect, test } from 'vitest'
import { nodeOptions } from '../../server/app/nodes.ts'
import { openApp } from '../helpers/open-app.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { startRedis } from '../helpers/redis.ts'
import { bearer, withToken } from '../helpers/tokens.ts'
import { API_TOKEN } from '../helpers/with-users.ts'

const JOIN = (name: string) => `["1","1","room:lobby","phx_join",{"name":"${name}","client":"${name}"}]`

/** Two nodes of the chat with a common Redis. */
async function twoNodes(): Promise<string[]> {
  const { url: redisUrl } = await startRedis()
  const nodes = await Promise.all([openApp({ redisUrl }), openApp({ redisUrl })])
  return Promise.all(nodes.map(({ app }) => app.listen({ port: 0, host: '127.0.0.1' })))
}

const urlFor = (base: string, name: string) =>
  withToken(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`, { name, client: name })

/** A person in the lobby, whose own frames of the join have been read. */
async function join(base: string, name: string): Promise<RawClient> {
  const client = await connect(urlFor(base, name))
  client.send(JOIN(name))
  expect(await client.next()).toContain('"status":"ok"')
  return client
}

async function nextOf(client: RawClient, event: string): Promise<string> {
  for (;;) {
    const frame = String(await client.next())
    if (frame.includes(`"${event}"`)) return frame
  }
}

async function ask(url: string): Promise<unknown> {
  return (await fetch(url, { headers: bearer() })).json()
}

/** By name: each node has its own order. */
async function membersOf(base: string): Promise<unknown> {
  const room = (await ask(`${base}/api/rooms/lobby`)) as { members: { name: string }[] }
  return room.members.sort((a, b) => (a.name < b.name ? -1 : 1))
}

test("users on two nodes see each other and receive each other's messages", async () => {
  const [one = '', two = ''] = await twoNodes()
  const [ann, ben] = [await join(one, 'Ann'), await join(two, 'Ben')]
  const people = [
    { name: 'Ann', connections: 1 },
    { name: 'Ben', connections: 1 },
  ]
  for (const base of [one, two]) await expect.poll(() => membersOf(base)).toEqual(people)

  ann.send('["1","2","room:lobby","new_msg",{"body":"hello over there","from":{"id":"Ann","name":"Ann"}}]')
  expect(await nextOf(ben, 'new_msg')).toBe(
    '[null,null,"room:lobby","new_msg",{"body":"hello over there","from":{"id":"Ann","name":"Ann"}}]',
  )
})

test('the list of rooms and members includes all nodes', async () => {
  const bases = await twoNodes()
  for (const [n, base] of bases.entries()) {
    const guest = await connect(urlFor(base, `guest-${n}`))
    guest.send('["1","1","room:den","phx_join",{}]')
    expect(await guest.next()).toContain('"status":"ok"')
  }
  for (const base of bases) {
    expect(await ask(`${base}/api/rooms`)).toEqual({ rooms: ['global', 'lobby', 'den'] })
    expect(await ask(`${base}/api/rooms/den`)).toMatchObject({ room: 'den', count: 2 })
  }
})

test('nodes with different prefixes are separate systems, even if they share a Redis', async () => {
  const { url: redisUrl } = await startRedis()
  const prefixes = ['chat', 'chat', null]
  const apps = await Promise.all(prefixes.map((redisPrefix) => openApp({ redisUrl, redisPrefix })))
  await Promise.all(apps.map(({ app }) => app.ready()))
  const asked = () => Promise.all(apps.map(({ app }) => app.endpoint.engine.nodes.askAll('who', null)))
  for (const [n, { app }] of apps.entries()) app.endpoint.engine.nodes.answer('who', () => n)
  await expect.poll(asked).toEqual([[1], [0], []])
})

test.each(['{"body":"hi"}', '{"body":"hi","id":"m-1"}'])(
  'while Redis is away %s is refused as unavailable, whether or not it has an id',
  async (message) => {
    const redis = await startRedis()
    const { app } = await openApp({ redisUrl: redis.url, apiToken: API_TOKEN })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    await expect.poll(() => app.endpoint.engine.state).toBe('up')
    const ann = await join(base, 'Ann')
    await redis.kill()
    ann.send(`["1","2","room:lobby","new_msg",${message}]`)
    expect(await nextOf(ann, 'phx_reply')).toContain('{"response":{"reason":"unavailable"},"status":"error"}')
    const headers = { authorization: `Bearer ${API_TOKEN}` }
    const payload = { topic: 'room:lobby', event: 'new_msg', payload: { body: 'hi' } }
    const response = await app.inject({ method: 'POST', url: '/admin/broadcast', headers, payload })
    expect([response.statusCode, response.json()]).toEqual([503, { ok: false }])
  },
)

const alone = { redisUrl: null, secret: null }
const redisUrl = 'redis://127.0.0.1:6379'

test('an app without Redis is a single node, with the secret that it was given', () => {
  expect(nodeOptions(alone, [])).toEqual({})
  expect(nodeOptions({ ...alone, secret: 'twenty bytes at least' }, [])).toEqual({
    secret: 'twenty bytes at least',
  })
})

test('if no secret is given, nodes of one Redis derive the same secret', () => {
  const one = nodeOptions({ ...alone, redisUrl }, [])
  const other = nodeOptions({ ...alone, redisUrl }, [])
  const elsewhere = nodeOptions({ ...alone, redisUrl: `${redisUrl}/1` }, [])
  expect(one.secret).toHaveLength(43)
  expect(one.secret).toBe(other.secret)
  expect(one.secret).not.toBe(elsewhere.secret)
  expect(nodeOptions({ redisUrl, secret: 'twenty bytes at least' }, []).secret).toBe('twenty bytes at least')
})
