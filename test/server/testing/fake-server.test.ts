import { createRequire } from 'node:module'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Binary, defineChannel, defineContract } from '../../../server/index.ts'
import { exactly, fakeServer } from '../../../server/testing/index.ts'
import { endAfterTest, SOON } from '../../helpers/official-socket.ts'
import { until } from '../../helpers/until.ts'

type Phoenix = typeof import('phoenix')
type Push = ReturnType<ReturnType<InstanceType<Phoenix['Socket']>['channel']>['push']>
const require = createRequire(import.meta.url)
// The aliases have no types of their own; what is used here has not changed since 1.3.
const load = (version: string) => require(version) as Phoenix

/** Gives up the answer to its close soon, which a browser does by itself. */
class ImpatientSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { closeTimeout: 50 } as object)
  }
}

/** A fake server and a client of this published version, until the end of the test. */
async function setUp(version: string, options: object = {}) {
  const server = await fakeServer()
  const fast = { ...SOON, transport: ImpatientSocket }
  const socket = new (load(version).Socket)(`${server.url.replace('http', 'ws')}/socket`, {
    ...fast,
    ...options,
  })
  onTestFinished(() => server.close())
  endAfterTest(socket)
  socket.connect()
  return { server, socket, room: socket.channel('room:lobby', { name: 'Ann' }) }
}

/** The status and the response of the first answer. */
function answer(push: Push): Promise<[status: string, response: unknown]> {
  return new Promise((resolve) => {
    for (const status of ['ok', 'error', 'timeout'])
      push.receive(status as 'ok', (response) => resolve([status, response]))
  })
}

const versions = ['phoenix-1.3', 'phoenix-1.6', 'phoenix']

describe.each(versions)('%s', (version) => {
  test('joins, sends and receives as the script says', async () => {
    const { server, room } = await setUp(version)
    server
      .topic('room:*')
      .onJoin(({ name }: { name: string }, reply) => reply({ ok: { hello: name } }))
      .on('new_msg', (payload, reply) => reply({ ok: payload }))
    expect(await answer(room.join())).toEqual(['ok', { hello: 'Ann' }])
    expect(await answer(room.push('new_msg', { body: 'hi' }))).toEqual(['ok', { body: 'hi' }])
    expect(await answer(room.push('other', {}))).toEqual(['error', { reason: 'unmatched event' }])
    const heard = new Promise((resolve) => room.on('news', resolve))
    server.broadcast('room:lobby', 'news', { n: 1 })
    expect(await heard).toEqual({ n: 1 })
  })

  test.each([[{}], [{ code: 1012 }]])('reconnects after its connection was dropped with %j', async (how) => {
    const { server, room } = await setUp(version)
    await answer(room.join())
    server.dropConnections(how)
    await until(() => room.state !== 'joined')
    await until(() => room.state === 'joined')
    expect(server.frames.filter(({ event }) => event === 'phx_join')).toHaveLength(2)
  })

  test('a lost reply causes a timeout', async () => {
    const { server, room } = await setUp(version)
    server.topic('room:*').on('save', (_payload, reply) => reply({ ok: {} }))
    await answer(room.join())
    server.dropNext({ event: 'phx_reply' })
    expect((await answer(room.push('save', {}, 50)))[0]).toBe('timeout')
    expect((await answer(room.push('save', {})))[0]).toBe('ok')
  })

  test('a refused handshake is retried', async () => {
    const { server, socket, room } = await setUp(version)
    let refusals = 0
    socket.onError(() => void refusals++)
    server.refuseConnections(503)
    server.dropConnections()
    room.join()
    await until(() => refusals >= 2)
    server.acceptConnections()
    await until(() => room.state === 'joined')
  })

  test('a paused server answers later', async () => {
    const { server, room } = await setUp(version)
    server.topic('room:*').on('save', (_payload, reply) => reply({ ok: {} }))
    await answer(room.join())
    server.pause()
    expect((await answer(room.push('save', {}, 50)))[0]).toBe('timeout')
    const saved = answer(room.push('save', {}))
    server.resume()
    expect((await saved)[0]).toBe('ok')
  })

  test('a half-open network is detected by the heartbeat, and the client reconnects', async () => {
    const { server, room } = await setUp(version, { heartbeatIntervalMs: 30 })
    await answer(room.join())
    server.killNetwork()
    await until(() => room.state !== 'joined')
    server.restoreNetwork()
    await until(() => room.state === 'joined')
  })
})

/** A plain WebSocket to a fake server, and what it hears. */
async function raw(query = 'vsn=2.0.0') {
  const server = await fakeServer({ channels: [EchoChannel] })
  const ws = new WebSocket(`${server.url.replace('http', 'ws')}/socket/websocket?${query}`)
  onTestFinished(async () => {
    ws.terminate()
    await server.close()
  })
  const heard: string[] = []
  ws.on('message', (data, isBinary) =>
    heard.push(isBinary ? Buffer.from(data as Buffer).toString('latin1') : String(data)),
  )
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  const ask = async (frame: string | Uint8Array, count = 1) => {
    ws.send(frame)
    await until(() => heard.length >= count)
    return heard.splice(0)
  }
  return { server, ws, ask, heard }
}

const EchoChannel = defineChannel(
  defineContract({ topic: 'echo', incoming: { echo: { payload: Binary, reply: Binary } } }),
  { join: () => ({ ok: {} }), handleIn: { echo: (bytes) => ({ ok: bytes }) } },
)

test('real channels serve their topics, and bytes and version 1 work', async () => {
  const { server, ask } = await raw()
  await ask('["1","1","echo","phx_join",{}]')
  const [reply] = await ask(Buffer.from('\x00\x01\x01\x04\x0412echoecho\x07\x08', 'latin1'))
  expect(reply).toBe('\x01\x01\x01\x04\x0212echook\x07\x08')
  expect(server.frames.map(({ payload }) => payload).slice(2)).toEqual([
    new Uint8Array([7, 8]),
    { status: 'ok', response: new Uint8Array([7, 8]) },
  ])
  const old = await raw('vsn=1.0.0')
  const [joined] = await old.ask('{"topic":"a","event":"phx_join","payload":{},"ref":"1"}')
  expect(joined).toContain('"status":"ok"')
})

test('a frame can be duplicated, delayed or dropped', async () => {
  const { server, ws, ask, heard } = await raw()
  server.duplicateNext(({ event }) => event === 'phx_reply')
  const [one, two] = await ask('["1","1","a","phx_join",{}]', 2)
  expect(two).toBe(one)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  // Twice this delay is below the idle timeout of the server.
  server.delay(20_000)
  ws.send('[null,"2","phoenix","heartbeat",{}]')
  for (const direction of ['to the server', 'to the client']) {
    await until(() => vi.getTimerCount() > 0)
    vi.advanceTimersByTime(19_999)
    expect([direction, vi.getTimerCount()]).toEqual([direction, 1])
    vi.advanceTimersByTime(2)
  }
  await until(() => heard.splice(0).length > 0)
  server.delay(0)
  server.dropNext({ event: 'lost' })
  server.broadcast('a', 'lost', {})
  server.broadcast('a', 'kept', { n: 1 })
  expect(await ask('[null,"3","phoenix","heartbeat",{}]', 2)).toEqual([
    '[null,null,"a","kept",{"n":1}]',
    '[null,"3","phoenix","phx_reply",{"response":{},"status":"ok"}]',
  ])
})

test('the transcript has a line for each frame, with its fate', async () => {
  const { server, ws, ask } = await raw()
  server.topic('room:*').on('bye', (_payload, _reply, client) => client.close())
  server.duplicateNext({ event: 'news' })
  server.dropNext({ event: 'phx_close' })
  await ask('["1","1","room:a","phx_join",{"name":"Ann"}]')
  server.broadcast('room:a', 'news', { n: 1 })
  ws.send('nonsense')
  ws.send('["1","2","room:a","bye",{}]')
  await new Promise((resolve) => ws.once('close', resolve))
  expect(server.transcript().replace(/^ *\d+ ms/gm, '…')).toBe(`…  #1  opened (websocket, 2.0.0)
…  #1  -> [1 1] room:a phx_join { name: 'Ann' }
…  #1  <- [1 1] room:a phx_reply { response: {}, status: 'ok' }
…  #1  <- [- -] room:a news { n: 1 }   (duplicated)
…  #1  -> [- -] (not a frame)  'nonsense'
…  #1  closed (1011)`)
})

test('a script can push to a client, crash its channel, and reply late', async () => {
  const { server, ask } = await raw()
  server
    .topic('room:*')
    .onJoin((_params, reply, client) => {
      client.push('welcome', { to: client.topic })
      reply({ ok: {} })
    })
    .on('*', (_payload, reply) => setImmediate(() => reply({ status: 'later', payload: { n: 1 } })))
    .on('crash', (_payload, _reply, client) => client.crash())
  server.topic('room:private').onJoin((_params, reply) => reply({ error: { reason: 'private' } }))
  expect(await ask('["1","1","room:private","phx_join",{}]')).toEqual([
    '["1","1","room:private","phx_reply",{"response":{"reason":"private"},"status":"error"}]',
  ])
  expect(await ask('["2","2","room:a","phx_join",{}]', 2)).toEqual([
    '["2","2","room:a","phx_reply",{"response":{},"status":"ok"}]',
    '["2",null,"room:a","welcome",{"to":"room:a"}]',
  ])
  expect(await ask('["2","3","room:a","any",{}]')).toEqual([
    '["2","3","room:a","phx_reply",{"response":{"n":1},"status":"later"}]',
  ])
  const [crashed] = await ask('["2","4","room:a","crash",{}]')
  expect(crashed).toContain('phx_error')
})

test('long-poll works, too, and WebSockets can be refused', async () => {
  const server = await fakeServer()
  onTestFinished(() => server.close())
  server.longPollOnly()
  const ws = new WebSocket(`${server.url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  const error = await new Promise<Error>((resolve) => ws.once('error', resolve))
  expect(error.message).toContain('404')
  const url = `${server.url}/socket/longpoll?vsn=2.0.0`
  const { token } = JSON.parse(await (await fetch(url)).text())
  const session = `${url}&token=${encodeURIComponent(token)}`
  await fetch(session, { method: 'POST', body: '["1","1","a","phx_join",{}]' })
  const { messages } = JSON.parse(await (await fetch(session)).text())
  expect(messages).toEqual(['["1","1","a","phx_reply",{"response":{},"status":"ok"}]'])
  server.refuseConnections(502)
  expect((await fetch(url)).status).toBe(502)
  expect((await fetch(session, { method: 'POST', body: '["1","2","a","x",{}]' })).status).toBe(200)
})

test('dropNext accepts every kind of matcher that its type allows', async () => {
  await using server = await fakeServer()
  for (const matcher of [{ event: 'a' }, exactly({ event: 'a' }), () => false]) {
    expect(() => server.dropNext(matcher)).not.toThrow()
  }
})

test('wrong use throws at the call', async () => {
  await expect(fakeServer({ ports: 1 } as never)).rejects.toThrow('(did you mean "port"?)')
  await expect(fakeServer({ channels: [{}] as never })).rejects.toThrow('must be the result of defineChannel')
  await using server = await fakeServer()
  for (const code of [5, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 1000.5]) {
    expect(() => server.dropConnections({ code })).toThrow('dropConnections: `code` must be a close code')
  }
  for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) server.dropConnections({ code })
  expect(() => server.refuseConnections(200)).toThrow('the status must be an integer from 400 to 599')
  const expected =
    'dropNext: the matcher must be an object literal, exactly(…) or a function (got "phx_reply")'
  expect(() => server.dropNext('phx_reply' as never)).toThrow(expected)
  expect(() => server.topic('a*b')).toThrow('"*"')
  await expect(fakeServer({ port: Number(new URL(server.url).port) })).rejects.toThrow('EADDRINUSE')
})
