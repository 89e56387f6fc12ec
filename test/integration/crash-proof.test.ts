import fc from 'fast-check'
import { expect, test } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { brokenJson, bytes, json, reference, text } from '../helpers/arbitraries.ts'
import type { RawClient } from '../helpers/raw-client.ts'
import { serveChannel } from '../helpers/serve-channel.ts'

const topics = fc.oneof(fc.constantFrom('room:a', 'room:b', 'room:', 'phoenix', 'nowhere', '__proto__'), text)
const events = fc.oneof(
  fc.constantFrom(
    'phx_join',
    'phx_leave',
    'phx_reply',
    'heartbeat',
    'echo',
    'throw',
    'reject',
    'stop',
    'info',
  ),
  text,
)
const refs = fc.oneof(fc.constantFrom('1', null), reference)

/** A frame that can be read, and goes anywhere. */
const readable = fc.tuple(refs, refs, topics, events, json).map((frame) => JSON.stringify(frame))
const withPayload = (payload: fc.Arbitrary<string>) =>
  payload.map((raw) => `["1","2","room:a","echo",${raw}]`)
const deep = fc
  .tuple(fc.constantFrom('[]', '{"a":}'), fc.integer({ min: 1, max: 100_000 }))
  .map(
    ([pair, depth]) =>
      pair.slice(0, -1).repeat(depth) + (pair === '[]' ? '' : '0') + pair.slice(-1).repeat(depth),
  )
const huge = fc.constantFrom(
  '1e400',
  '-1e400',
  '9'.repeat(10_000),
  `0.${'0'.repeat(10_000)}1`,
  '-0',
  '1E-400',
)
const noArray = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify({ value })),
  huge,
  deep,
)
/** A binary push with a few bytes changed, so that its lengths lie. */
const binary = fc
  .tuple(topics, events, bytes, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }))
  .map(([topic, event, data, edits]) => {
    const fields = ['1', '2', topic, event].map((field) => Buffer.from(field).subarray(0, 255))
    const frame = Buffer.concat([Buffer.from([0, ...fields.map((field) => field.length)]), ...fields, data])
    for (const [at, byte] of edits) frame[at % frame.length] = byte
    return new Uint8Array(frame)
  })
const frame = fc.oneof(
  { weight: 6, arbitrary: readable },
  { weight: 2, arbitrary: withPayload(fc.oneof(deep, huge)) },
  { weight: 1, arbitrary: noArray },
  { weight: 1, arbitrary: brokenJson },
  { weight: 1, arbitrary: text },
  { weight: 2, arbitrary: binary },
  { weight: 1, arbitrary: bytes },
)

/** A room in which a client can make everything go wrong, and broadcast nothing. */
const serve = () =>
  serveChannel({
    join: (params) => (params === 7 ? { error: {} } : { ok: params as object }),
    handleIn: {
      echo: (payload) => ({ ok: payload }),
      throw(payload) {
        throw payload
      },
      reject: (payload) => Promise.reject(payload),
      stop: (payload) => ({ stop: String(payload) }),
      info: (payload, socket) => socket.sendInfo('push', payload),
    },
    handleInfo: { push: (payload: object, socket) => socket.push('pushed', payload) },
  })

/** All that the server has to say, until it has answered what was sent or hangs up. */
async function drain(client: RawClient): Promise<void> {
  if (client.ws.readyState !== client.ws.OPEN) return
  client.send('[null,"drained","phoenix","heartbeat",{}]')
  let said: unknown
  do {
    said = await client.next().catch(() => '"drained"')
    if (typeof said === 'string' && said.startsWith('[')) expect(JSON.parse(said)).toHaveLength(5)
  } while (!String(said).includes('"drained"'))
}

test('whatever frames a client sends, other clients get their replies and broadcasts in order', async () => {
  const server = await serve()
  const [bystander] = await server.join()
  let attacker = (await server.connect())[0]
  let round = 0

  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 12 }), async (frames) => {
      round += 1
      if (attacker.ws.readyState !== attacker.ws.OPEN) attacker = (await server.connect())[0]
      attacker.send('["1","1","room:a","phx_join",{}]')
      bystander.send(`["1","a${round}","room:a","echo",{"round":${round}}]`)
      for (const [n, each] of frames.entries()) {
        attacker.send(each)
        await server.app.endpoint.broadcast('room:a', 'count', { round, n })
      }
      bystander.send(`["1","b${round}","room:a","echo",null]`)
      await drain(attacker)

      const seen: unknown[] = []
      while (seen.length < frames.length + 2) seen.push(await bystander.next())
      const counts = seen.filter((said) => String(said).includes('"count"'))
      expect(counts).toEqual(frames.map((_, n) => `[null,null,"room:a","count",{"round":${round},"n":${n}}]`))
      expect(seen.filter((said) => !counts.includes(said))).toEqual([
        `["1","a${round}","room:a","phx_reply",{"response":{"round":${round}},"status":"ok"}]`,
        `["1","b${round}","room:a","phx_reply",{"response":null,"status":"ok"}]`,
      ])
    }),
    { numRuns: 150 },
  )

  await bystander.nothing()
  attacker.ws.terminate()
  await expect.poll(() => serverOf(server.app.endpoint).sockets.size).toBe(1)
}, 60_000)
