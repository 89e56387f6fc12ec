import { once } from 'node:events'
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { turn } from '../../helpers/deferred.ts'
import { echo, JOIN, JOINED, open, serve } from '../../helpers/poll-server.ts'
import { request } from '../../helpers/raw-http.ts'
import { until } from '../../helpers/until.ts'

const echoed = (ref: number) => `["1","${ref}","room:m","phx_reply",{"response":${ref},"status":"ok"}]`

/** How much was read of each connection. */
const read = (sockets: Set<Socket>) => [...sockets].map(({ bytesRead }) => bytesRead)

type Session = Awaited<ReturnType<typeof open>>

/** A POST that has come to the server, of which the body is for the test to send. */
async function begin(
  { app, own }: Session,
  headers: Record<string, string> = {},
  onResponse?: (response: IncomingMessage) => void,
): Promise<ClientRequest> {
  const arrived = once(app.server, 'request')
  // As browsers have it, the connection is kept.
  const agent = new Agent({ keepAlive: true })
  const posted = httpRequest(own, { method: 'POST', headers, agent })
  posted.on('error', () => {})
  if (onResponse !== undefined) posted.on('response', onResponse)
  onTestFinished(() => {
    posted.destroy()
    agent.destroy()
  })
  posted.flushHeaders()
  await arrived
  await turn()
  return posted
}

async function answerOf(posted: ClientRequest): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(posted, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

test.each([undefined, '', 'no type', 'text/plain; =', 'application/json'])(
  'the body of a POST is a frame, also with the type %j (LONGPOLL-6)',
  async (type) => {
    const session = await open()
    for (const length of [{}, { 'transfer-encoding': 'chunked' }]) {
      const headers = { ...(type !== undefined && { 'content-type': type }), ...length }
      const answer = await request(session.own, { method: 'POST', headers, body: JOIN })
      expect(answer.body).toBe('{"status":200}')
      expect((await session.poll()).messages).toContain(JOINED)
    }
  },
)

test('a body above the limit gets an empty 400', async () => {
  const session = await open({ longpoll: { maxBodyBytes: 20 } })
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await request(session.own, { method: 'POST', headers, body: 'x'.repeat(21) })
    expect(answer).toMatchObject({ status: 400, body: '' })
  }
})

test('a body in too many chunks gets an empty 400', async () => {
  const session = await open({ longpoll: { maxBodyBytes: 8_000 } })
  const posted = await begin(session, { 'transfer-encoding': 'chunked' })
  const answered = answerOf(posted)
  for (let n = 0; n <= 1_024; n++) posted.write('x')
  expect(await answered).toEqual({ status: 400, body: '' })
})

test('a POST without a session is answered before its body has arrived', async () => {
  const { url } = await serve()
  const headers = { 'content-length': '1000', 'content-type': 'text/plain' }
  const outgoing = httpRequest(`${url}?token=t`, { method: 'POST', headers })
  outgoing.on('error', () => {})
  outgoing.write('x')
  const [response] = await once(outgoing, 'response')
  expect(response.statusCode).toBe(200)
  outgoing.destroy()
})

test('a text frame that is not UTF-8 ends the session', async () => {
  const session = await open()
  const body = Buffer.concat([
    Buffer.from('["1","1","room:'),
    Buffer.from([0xff]),
    Buffer.from('","phx_join",{}]'),
  ])
  const answer = await request(session.own, { method: 'POST', body })
  expect(answer.body).toBe('{"status":408}')
  expect((await session.poll()).status).toBe(410)
})

test('a POST is held while the queue of a busy channel is full (LONGPOLL-7)', async () => {
  const limits = { maxQueuedMessages: 2 }
  const session = await open({ plugin: { limits } })
  const waits = [2, 3, 4, 5].map((ref) => `["1","${ref}","room:m","wait",{}]`)
  let isAnswered = false
  const posted = session.post([JOIN, ...waits, echo(6)].join('\n')).then((answer) => {
    isAnswered = true
    return answer
  })
  expect((await session.poll()).messages).toEqual([JOINED])
  await request(session.url, { method: 'OPTIONS' })
  expect(isAnswered).toBe(false)
  session.gate.open.resolve()
  expect(await posted).toEqual({ status: 200 })
  expect((await session.poll()).messages).toEqual([
    '["1","6","room:m","phx_reply",{"response":6,"status":"ok"}]',
  ])
})

test('a POST that gets no room within the window is answered 408, and the session continues', async () => {
  const session = await open({ longpoll: { windowMs: 500 }, plugin: { limits: { maxQueuedMessages: 1 } } })
  const waits = [2, 3, 4].map((ref) => `["1","${ref}","room:m","wait",{}]`)
  const posted = session.post([JOIN, ...waits].join('\n'))
  expect((await session.poll()).messages).toEqual([JOINED])
  expect(await posted).toEqual({ status: 408 })
  expect((await session.poll()).status).toBe(204)
})

test('a body that does not arrive in time gets an empty 408, and the session continues (LONGPOLL-7)', async () => {
  const session = await open({ longpoll: { bodyTimeout: 50 } })
  for (const headers of [{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }]) {
    const posted = await begin(session, headers)
    posted.write('[')
    const [response] = (await once(posted, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(408)
    expect(response.headers.connection).toBe('close')
    expect(await text(response)).toBe('')
  }
  expect(await session.post(JOIN)).toEqual({ status: 200 })
})

test('a body that arrived while the event loop was blocked is in time', async () => {
  const session = await open({ longpoll: { bodyTimeout: 100 } })
  const posted = await begin(session)
  const answered = answerOf(posted)
  posted.end(JOIN)
  // Its timer is due before the bytes are read.
  for (const until = performance.now() + 200; performance.now() < until; );
  expect(await answered).toEqual({ status: 200, body: '{"status":200}' })
})

test('POSTs of a session are read one after the other, and passed on in order (LONGPOLL-7)', async () => {
  const session = await open()
  await session.post(JOIN)
  const first = await begin(session)
  const second = await begin(session)
  second.end(echo(3))
  await session.roundTrip()
  first.end(echo(2))
  expect(await Promise.all([answerOf(first), answerOf(second)])).toEqual([
    { status: 200, body: '{"status":200}' },
    { status: 200, body: '{"status":200}' },
  ])
  expect((await session.poll()).messages).toEqual([JOINED, echoed(2), echoed(3)])
})

test('a POST waits only for its own session', async () => {
  const session = await open()
  await begin(session)
  const { token } = JSON.parse((await request(`${session.url}?vsn=2.0.0`)).body)
  const other = `${session.url}?vsn=2.0.0&token=${encodeURIComponent(token)}`
  expect((await request(other, { method: 'POST', body: JOIN })).body).toBe('{"status":200}')
})

test('while a body is read, 32 POSTs wait, and the next gets 429 with a Retry-After (LONGPOLL-7)', async () => {
  const session = await open()
  await session.post(JOIN)
  const first = await begin(session)
  const waiting: ClientRequest[] = []
  for (let ref = 2; ref < 34; ref += 1) {
    const posted = await begin(session)
    posted.end(echo(ref))
    waiting.push(posted)
  }
  const refused = await request(session.own, { method: 'POST', body: echo(99) })
  expect(refused).toMatchObject({ status: 429, body: '' })
  expect(refused.headers['retry-after']).toBe('1')
  first.end(echo(1))
  const answers = await Promise.all([first, ...waiting].map(answerOf))
  expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['{"status":200}']))
  const refs = Array.from({ length: 33 }, (_, at) => echoed(at + 1))
  expect((await session.poll()).messages).toEqual([JOINED, ...refs])
})

test('of 60 bodies without their last bytes, only one is in memory (LONGPOLL-7)', async () => {
  const session = await open()
  const { server } = session.app
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => void sockets.add(socket))
  const size = 2_000_000
  const sent = Buffer.alloc(size - 10, '[')
  const statuses: (number | undefined)[] = []
  for (let n = 0; n < 60; n += 1) {
    const headers = { 'content-length': String(size) }
    const posted = await begin(session, headers, ({ statusCode }) => void statuses.push(statusCode))
    posted.write(sent)
  }
  // Refused bodies are read as well, and discarded.
  await until(() => read(sockets).filter((bytes) => bytes > sent.length).length === 60 - 32)
  expect(statuses).toEqual(Array(60 - 33).fill(429))
  expect(read(sockets).filter((bytes) => bytes < 300_000)).toHaveLength(32)
})

test('a POST whose client hangs up does not delay others, and passes on nothing', async () => {
  const session = await open()
  const reading = await begin(session)
  reading.write(JOIN)
  const waiting = await begin(session)
  waiting.write(JOIN)
  const last = await begin(session)
  last.end('[null,"9","phoenix","heartbeat",{}]')
  waiting.destroy()
  reading.destroy()
  expect(await answerOf(last)).toEqual({ status: 200, body: '{"status":200}' })
  expect((await session.poll()).messages).toEqual([
    '[null,"9","phoenix","phx_reply",{"response":{},"status":"ok"}]',
  ])
})

test('a POST that waits while its session ends is answered 410, and its body is not read', async () => {
  const session = await open()
  const first = await begin(session)
  const second = await begin(session)
  first.end('{{')
  expect((await answerOf(first)).body).toBe('{"status":408}')
  expect((await answerOf(second)).body).toBe('{"status":410}')
})

test('POSTs that wait for room are each answered 408 one window after their arrival (LONGPOLL-7)', async () => {
  const session = await open({ longpoll: { windowMs: 1_000 }, plugin: { limits: { maxQueuedMessages: 1 } } })
  const waits = [2, 3, 4].map((ref) => `["1","${ref}","room:m","wait",{}]`)
  const answers: string[] = []
  const done: Promise<void>[] = []
  for (const body of [[JOIN, ...waits].join('\n'), echo(5), echo(6), echo(7)]) {
    const posted = await begin(session, { 'content-type': 'application/x-ndjson' })
    posted.end(body)
    done.push(answerOf(posted).then((answer) => void answers.push(`${body.slice(5, 8)} ${answer.body}`)))
  }
  const polled = session.poll()
  await Promise.all(done)
  expect(answers).toEqual([
    '"1" {"status":408}',
    '"5" {"status":408}',
    '"6" {"status":408}',
    '"7" {"status":408}',
  ])
  expect((await polled).messages).toEqual([JOINED])
})

test('a server that stops answers POSTs whose body never arrives, and those that wait behind them', async () => {
  const session = await open()
  const posts = [await begin(session), await begin(session)]
  const answers = Promise.all(posts.map(answerOf))
  await session.app.close()
  expect(await answers).toEqual(Array(2).fill({ status: 503, body: '' }))
})
