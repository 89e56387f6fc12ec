import { expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../server/app/app.ts'
import { connect, type RawClient } from '../../helpers/raw-client.ts'

async function openApp() {
  const { app } = await buildApp({ notifyEveryMs: 0, logLevel: 'silent' })
  onTestFinished(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return () => connect(`${url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
}

async function next(client: RawClient): Promise<unknown[]> {
  return JSON.parse(String(await client.next()))
}

/** Join the lobby; gives the reply. */
async function join(client: RawClient, params: object): Promise<unknown> {
  client.send(JSON.stringify(['1', '1', 'room:lobby', 'phx_join', params]))
  return (await next(client))[4]
}

const ok = { status: 'ok', response: {} }
const ann = { name: 'Ann', client: 'c-ann' }
const present = { 'c-ann': { metas: [{ name: 'Ann', phx_ref: expect.any(String) }] } }

test('who joins with name and client is present under the client, and is told who is', async () => {
  const client = await (await openApp())()

  expect(await join(client, ann)).toEqual(ok)

  expect(await next(client)).toEqual([
    ...[null, null, 'room:lobby', 'presence_diff'],
    { joins: present, leaves: {} },
  ])
  expect(await next(client)).toEqual(['1', null, 'room:lobby', 'presence_state', present])
  await client.nothing()
})

test.each([[{}], [{ name: 'Ann' }], [{ client: 'c-ann' }]])(
  'who joins with %j is a guest: no state, no diff, for nobody',
  async (params) => {
    const open = await openApp()
    const watcher = await open()
    await join(watcher, { name: 'Bob', client: 'c-bob' })
    for (const event of ['presence_diff', 'presence_state']) expect((await next(watcher))[3]).toBe(event)
    const guest = await open()

    expect(await join(guest, params)).toEqual(ok)

    await guest.nothing()
    guest.send('["1","2","room:lobby","phx_leave",{}]')
    expect((await next(guest))[4]).toEqual(ok)
    await watcher.nothing()
  },
)

test.each([
  ['an empty name', { ...ann, name: '' }],
  ['a name of 41 characters', { ...ann, name: 'x'.repeat(41) }],
  ['a name with a line break', { ...ann, name: 'Ann\n' }],
  ['a name that is no string', { ...ann, name: 7 }],
  ['an empty client', { ...ann, client: '' }],
  ['a client of 65 characters', { ...ann, client: 'x'.repeat(65) }],
  ['a client with a space', { ...ann, client: 'c ann' }],
])('%s is refused', async (_what, params) => {
  const client = await (await openApp())()
  expect(await join(client, params)).toMatchObject({ status: 'error' })
  await client.nothing()
})

test('40 characters are enough for a name of 40 birds, which are two units each', async () => {
  const client = await (await openApp())()
  expect(await join(client, { ...ann, name: '🐦'.repeat(40) })).toEqual(ok)
})

test('a message reaches all who are in the room, guests too, without its author', async () => {
  const open = await openApp()
  const [writer, reader] = [await open(), await open()]
  await join(reader, {})
  await join(writer, {})

  writer.send('["1","2","room:lobby","new_msg",{"body":"hello"}]')

  for (const client of [reader, writer]) {
    expect(await next(client)).toEqual([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  }
})
