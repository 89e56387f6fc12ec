import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { Binary } from '../../protocol/binary.ts'
import { defineContract } from '../../protocol/contract.ts'

it('returns the given contract as constant data', () => {
  const contract = { topic: 'room:*', incoming: { new_msg: { payload: Type.Object({}) } } }
  expect(defineContract(contract)).toBe(contract)
  expect(contract).toSatisfy(Object.isFrozen)
})

it.each(['', '*:room', 'room:*:users'])('refuses the topic pattern "%s" at once (TOPIC-1)', (topic) => {
  expect(() => defineContract({ topic })).toThrow(
    expect.objectContaining({ name: 'UsageError', code: 'PHX_ERR_DEFINITION' }),
  )
})

it('accepts a result of `z.toJSONSchema`, which has a hidden `~standard`, but not a schema of zod', () => {
  const payload = { type: 'object', properties: { body: { type: 'string' } } }
  const standard = { vendor: 'zod', version: 1, jsonSchema: {} }
  const contractOf = (enumerable: boolean) => () =>
    defineContract({
      topic: 'room:*',
      outgoing: {
        new_msg: Object.defineProperty({ ...payload }, '~standard', { value: standard, enumerable }),
      },
    })
  expect(contractOf(false)).not.toThrow()
  expect(contractOf(true)).toThrow(
    "got a zod schema; convert it with z.toJSONSchema(schema, { io: 'input' })",
  )
})

const kept =
  (history: object, outgoing: object = { new_msg: Type.Object({}), typing: Type.Object({}) }) =>
  // As plain JavaScript may give it.
  () =>
    Reflect.apply(defineContract, null, [{ topic: 'room:*', outgoing, history }])

it('refuses an event of the protocol as a key', () => {
  const incoming = { phx_join: { payload: Type.Object({}) } }
  expect(() => defineContract({ topic: 'room:*', incoming })).toThrow(
    'contract "room:*": `incoming` has an invalid key: a key must be a non-empty event name other than phx_close',
  )
})

it('accepts a history of events that the server sends (RECOVERY-1)', () => {
  expect(
    kept({ events: ['new_msg'], size: 5, ttlMs: 1_000, maxBytes: 1, keyTtlMs: 1_000, onJoin: 0 }),
  ).not.toThrow()
})

it.each([
  [{}, '`history.events` must be an array (got undefined)'],
  [{ events: [] }, '`history.events` must contain at least one event'],
  [
    { events: ['new'] },
    '`history.events` must only contain events of `outgoing` (new_msg, typing), but contains "new"',
  ],
  [{ events: ['new_msg'], size: 0 }, '`history.size` must be an integer from 1 to 100000 (got 0)'],
  [
    { events: ['new_msg'], ttlMs: 999 },
    '`history.ttlMs` must be an integer from 1000 to 2147483647 (got 999)',
  ],
  [{ events: ['new_msg'], maxSize: 1 }, '`history` has an unknown key "maxSize"'],
])('refuses the history %j', (history, words) => {
  expect(kept(history)).toThrow(`contract "room:*": ${words}`)
})

it('reserves the event `_seq` if there is a history (RECOVERY-5)', () => {
  const outgoing = { new_msg: Type.Object({}), _seq: Type.Object({}) }
  expect(kept({ events: ['new_msg'] }, outgoing)).toThrow(
    '`outgoing._seq` is reserved in a contract with a history',
  )
})

it.each([
  ['string', Type.String()],
  ['integer', Type.Integer()],
  ['array', Type.Array(Type.Object({}))],
  ['null', Type.Null()],
])(
  'an outgoing event cannot have a payload of the type %s, because it could not be sent (FRAME-6)',
  (type, schema) => {
    expect(() => defineContract({ topic: 'room:*', outgoing: { said: schema } })).toThrow(
      `\`outgoing.said\` must describe an object, or be Binary (got a schema of the type "${type}")`,
    )
  },
)

it('an event with bytes cannot be kept', () => {
  const keep = () =>
    defineContract({ topic: 'room:*', outgoing: { image: Binary }, history: { events: ['image'] } })
  expect(keep).toThrow('`history.events` must not contain "image", whose payload is Binary')
})
