import fc from 'fast-check'
import { json, reference, text } from './arbitraries.ts'

/** One hostile input, and the way it comes. */
export type Attack =
  /** A message of version 2 or 1 over WebSocket; a sound one can be read, though it need not make sense. */
  | {
      readonly by: 'message'
      readonly vsn: 1 | 2
      readonly isSound: boolean
      readonly data: string | Uint8Array
    }
  /** Bytes on the TCP connection of a WebSocket, which is of no use after. */
  | { readonly by: 'bytes'; readonly data: Uint8Array }
  /** A handshake with this query and these headers. */
  | { readonly by: 'handshake'; readonly query: string; readonly headers: Record<string, string> }
  /** A long-poll request; the query `token` stands for the token of a living session. */
  | { readonly by: 'poll'; readonly query: string; readonly type: string; readonly body: string | null }

const topic = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('room:a', 'room:a', 'typed:a') },
  { weight: 2, arbitrary: fc.constantFrom('room:b', 'room:', 'room:refused', 'room:crashes', 'room:slow') },
  { weight: 2, arbitrary: fc.constantFrom('typed:b', 'phoenix', 'nowhere', '__proto__', 'constructor') },
  { weight: 1, arbitrary: text },
)
const event = fc.oneof(
  { weight: 2, arbitrary: fc.constant('phx_join') },
  { weight: 1, arbitrary: fc.constantFrom('phx_leave', 'phx_close', 'phx_error', 'phx_reply') },
  { weight: 6, arbitrary: fc.constantFrom('echo', 'echo', 'slow', 'say', 'say_out', 'track', 'heartbeat') },
  { weight: 1, arbitrary: fc.constantFrom('crash', 'stop') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty') },
  { weight: 1, arbitrary: text },
)
const ref = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '1', null) },
  { weight: 1, arbitrary: fc.constantFrom('2', 1, '') },
  { weight: 1, arbitrary: reference },
)
const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'u1', 'u2', ''), text)
const payload = fc.oneof(json, fc.record({ key }), fc.record({ key, n: fc.integer() }), fc.constant({}))
const deep = fc.nat({ max: 5_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth))

/** Elements of a frame that nothing binds together, and some that a channel of the server takes. */
const loose = fc.tuple(ref, ref, topic, event, payload)
const said = fc.constantFrom('echo', 'slow', 'say', 'say_out')
const fitting = fc.oneof(
  fc.tuple(fc.constantFrom('1', null), ref, fc.constant('room:a'), said, payload),
  fc.tuple(
    fc.constant('1'),
    ref,
    fc.constant('typed:a'),
    fc.constant('track'),
    fc.record({ key, n: fc.integer() }),
  ),
)
const frame = fc.oneof(loose, fitting)
const v2 = frame.map((elements) => JSON.stringify(elements))
const v1 = frame.map(([join_ref, ref, topic, event, payload]) =>
  JSON.stringify({ topic, event, payload, ref, join_ref }),
)
const nested = fc.tuple(topic, deep).map(([to, value]) => `["1","2",${JSON.stringify(to)},"echo",${value}]`)
const sound = fc.oneof({ weight: 9, arbitrary: v2 }, { weight: 1, arbitrary: nested })
const anyText = fc.oneof(
  { weight: 6, arbitrary: sound },
  { weight: 2, arbitrary: v1 },
  { weight: 1, arbitrary: text },
)

/** A binary push whose lengths need not be those of its fields. */
const binary = fc
  .tuple(
    ref,
    topic,
    event,
    fc.uint8Array({ maxLength: 64 }),
    fc.option(fc.uint8Array({ minLength: 5, maxLength: 5 }), { freq: 3, nil: null }),
  )
  .map(([given, to, name, data, lies]) => {
    const fields = [given, given, to, name].map((field) => Buffer.from(String(field ?? '')).subarray(0, 255))
    const head = lies ?? [0, ...fields.map(({ length }) => length)]
    return new Uint8Array(Buffer.concat([Buffer.from(head), ...fields, data]))
  })

/** Cut, put in or replace a few bytes. */
function broken(whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 4 }))
  return fc.tuple(whole, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([bytes, edits]) =>
    edits.reduce((given, [at, length, inserted]) => {
      const start = at % (given.length + 1)
      return new Uint8Array(
        Buffer.concat([given.subarray(0, start), inserted, given.subarray(start + length)]),
      )
    }, bytes),
  )
}

const utf8 = (whole: fc.Arbitrary<string>) => whole.map((value) => new Uint8Array(Buffer.from(value)))
const brokenText = broken(utf8(anyText)).map((bytes) => Buffer.from(bytes).toString())

/** WebSocket frames: FIN and opcode, mask bit and length, then a mask and data that may be too short. */
const wsFrames = fc
  .array(
    fc.tuple(
      fc.constantFrom(0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc1, 0x83, 0xff),
      fc.uint8Array({ maxLength: 140 }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map(
    (frames) =>
      new Uint8Array(Buffer.concat(frames.flatMap(([first, rest]) => [Buffer.from([first]), rest]))),
  )

const queries = fc.oneof(
  fc.constantFrom(
    '',
    'vsn=2.0.0',
    'vsn=1.0.0',
    'vsn=9',
    'vsn[]=2.0.0',
    'vsn=%ff',
    'a[b][c]=1&a[b]=2',
    '__proto__[x]=1',
    'vsn=2.0.0&refuse=1',
    'vsn=2.0.0&crash=1',
  ),
  text.map((value) => `vsn=2.0.0&${encodeURI(value)}`),
)
/** Legal value of a header. */
const headerValue = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
})
const headers = fc.dictionary(
  fc.constantFrom(
    'origin',
    'sec-websocket-protocol',
    'sec-websocket-version',
    'sec-websocket-key',
    'x-phoenix-authtoken',
    'upgrade',
  ),
  headerValue,
  { maxKeys: 3, noNullPrototype: true },
)

const line = fc.oneof(
  anyText,
  brokenText,
  binary.map((bytes) => Buffer.from(bytes).toString('base64')),
  text,
)
const body = fc.oneof(
  fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n')),
  anyText,
  brokenText,
)
const poll = fc.record({
  by: fc.constant('poll' as const),
  query: fc.oneof(
    { weight: 6, arbitrary: fc.constant('token') },
    { weight: 1, arbitrary: queries },
    { weight: 1, arbitrary: text.map((value) => `token=${encodeURIComponent(value)}`) },
  ),
  type: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        'application/x-ndjson',
        'application/json',
        'application/x-ndjson; charset=utf-8',
      ),
    },
    { weight: 1, arbitrary: headerValue },
  ),
  body: fc.option(body, { freq: 3, nil: null }),
})

function message(
  vsn: 1 | 2,
  isSound: boolean,
  data: fc.Arbitrary<string | Uint8Array>,
): fc.Arbitrary<Attack> {
  return data.map((value) => ({ by: 'message', vsn, isSound, data: value }))
}

/** Any attack; most are messages that come near to being legal. */
export const attack: fc.Arbitrary<Attack> = fc.oneof(
  { weight: 35, arbitrary: message(2, true, sound) },
  { weight: 10, arbitrary: message(1, true, v1) },
  { weight: 15, arbitrary: message(2, false, fc.oneof(brokenText, binary, broken(binary), anyText)) },
  { weight: 5, arbitrary: message(1, false, fc.oneof(brokenText, binary, anyText)) },
  {
    weight: 7,
    arbitrary: fc.oneof(wsFrames, broken(wsFrames)).map((data): Attack => ({ by: 'bytes', data })),
  },
  {
    weight: 8,
    arbitrary: fc.record({ by: fc.constant('handshake' as const), query: queries, headers }),
  },
  { weight: 20, arbitrary: poll },
)
