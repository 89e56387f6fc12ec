import { expect, test } from 'vitest'
import { openApp } from '../../helpers/open-app.ts'
import { connect, type RawClient } from '../../helpers/raw-client.ts'
import { authSecret, type Person, withToken } from '../../helpers/tokens.ts'

/** Connects as many as the test needs. */
async function open() {
  const { app } = await openApp()
  const url = `${(await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
  return (person?: Person) => connect(withToken(url, person))
}

async function next(client: RawClient): Promise<unknown[]> {
  return JSON.parse(String(await client.next()))
}

/** Join the lobby; gives the reply. */
async function join(client: RawClient, params: object): Promise<unknown> {
  client.send(JSON.stringify(['1', '1', 'room:lobby', 'phx_join', params]))
  return (await next(client))[4]
}

/** With a token the reply says who the user is; without one it is empty. */
const okFor = ({ name = 'Somebody', client: id = 'somebody' }: Person = {}) => ({
  status: 'ok',
  response: authSecret === null ? {} : { user: { id, name } },
})
const ann = { name: 'Ann', client: 'c-ann' }
const present = { 'c-ann': { metas: [{ name: 'Ann', phx_ref: expect.any(String) }] } }

test('who joins with name and client is present under the client, and is told who is', async () => {
  const client = await (await open())(ann)

  expect(await join(client, ann)).toEqual(okFor(ann))

  expect(await next(client)).toEqual([
    ...[null, null, 'room:lobby', 'presence_diff'],
    { joins: present, leaves: {} },
  ])
  expect(await next(client)).toEqual(['1', null, 'room:lobby', 'presence_state', present])
  await client.nothing()
})

test.each([
  ['an empty name', { ...ann, name: '' }],
  ['a name of 41 characters', { ...ann, name: 'x'.repeat(41) }],
  ['a name with a line break', { ...ann, name: 'Ann\n' }],
  ['a name that is no string', { ...ann, name: 7 }],
  ['an empty client', { ...ann, client: '' }],
  ['a client of 65 characters', { ...ann, client: 'x'.repeat(65) }],
  ['a client with a space', { ...ann, client: 'c ann' }],
])('%s is refused', async (_what, params) => {
  const client = await (await open())()
  expect(await join(client, params)).toMatchObject({ status: 'error' })
  await client.nothing()
})

test('who joins and leaves again and again costs the others one diff a window, not one a change', async () => {
  const connectOne = await open()
  const [watcher, restless] = [await connectOne(ann), await connectOne()]
  await join(watcher, ann)
  let diffs = 0
  watcher.ws.on('message', (frame) => {
    if (String(frame).includes('"presence_diff"')) diffs += 1
  })
  const CHANGES = 40
  const other = JSON.stringify({ name: 'Bo', client: 'c-bo' })
  for (let ref = 1; ref <= CHANGES; ref += 2) {
    restless.send(`["${ref}","${ref}","room:lobby","phx_join",${other}]`)
    while (!String(await restless.next()).includes('"phx_reply"'));
    restless.send(`["${ref}","${ref + 1}","room:lobby","phx_leave",{}]`)
    while (!String(await restless.next()).includes('"phx_reply"'));
  }
  watcher.send('[null,"done","phoenix","heartbeat",{}]')
  while (!String(await watcher.next()).includes('"done"'));
  expect(diffs).toBeLessThan(CHANGES / 2)
})

test('40 characters are enough for a name of 40 birds, which are two units each', async () => {
  const client = await (await open())()
  expect(await join(client, { ...ann, name: '🐦'.repeat(40) })).toEqual(okFor())
})

/** The next frame that is not about presence. */
async function heard(client: RawClient): Promise<unknown[]> {
  let frame = await next(client)
  while (String(frame[3]).startsWith('presence_')) frame = await next(client)
  return frame
}

test('a message of a named sender says who sent it, with the id of its client', async () => {
  const connectOne = await open()
  const [writer, reader] = [await connectOne(ann), await connectOne()]
  await join(reader, {})
  await join(writer, ann)

  writer.send('["1","2","room:lobby","new_msg",{"body":"hello","id":"m-1"}]')

  const message = { body: 'hello', id: 'm-1', from: { id: 'c-ann', name: 'Ann' } }
  for (const client of [reader, writer]) {
    expect(await heard(client)).toEqual([null, null, 'room:lobby', 'new_msg', message])
  }
})

test('who is writing is told to the others in the room', async () => {
  const connectOne = await open()
  const [writer, reader] = [await connectOne(ann), await connectOne()]
  await join(reader, {})
  await join(writer, ann)
  while (String((await next(writer))[3]) !== 'presence_state');

  writer.send('["1","2","room:lobby","typing",{}]')

  const payload = { from: { id: 'c-ann', name: 'Ann' } }
  expect(await heard(reader)).toEqual([null, null, 'room:lobby', 'typing', payload])
  await writer.nothing()
})

test('a message reaches all who are in the room; that of a guest without its author', async () => {
  const connectOne = await open()
  const [writer, reader] = [await connectOne(), await connectOne()]
  await join(reader, {})
  await join(writer, {})

  writer.send('["1","2","room:lobby","new_msg",{"body":"hello"}]')

  for (const client of [reader, writer]) {
    const from = authSecret === null ? {} : { from: { id: 'somebody', name: 'Somebody' } }
    expect(await heard(client)).toEqual([null, null, 'room:lobby', 'new_msg', { body: 'hello', ...from }])
  }
})

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'nobody is present as %s, which the official client would take for somebody',
  async (client) => {
    const guest = await (await open())()
    expect(await join(guest, { name: 'Ann', client })).toMatchObject({ status: 'error' })
    await guest.nothing()
  },
)
