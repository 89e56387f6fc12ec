import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { Binary, type Contract, defineContract } from '../../../protocol/index.ts'
import { asyncApi } from '../../../server/index.ts'
import { faultsOf, follow } from '../../helpers/async-api-schema.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.Optional(Type.Integer()) }),
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: {
      payload: Type.Object({ body: Type.String() }),
      reply: Type.Object({ number: Type.Integer() }),
    },
    typing: { payload: Type.Object({}) },
  },
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
  presence: Type.Object({ name: Type.String() }),
})

const describeAll = (...contracts: Contract[]) => asyncApi({ title: 'Chat', version: '1.0.0', contracts })

/** The payload schemas of the messages that an operation names, as they are sent. */
function payloads(document: ReturnType<typeof asyncApi>, operation: string) {
  const { messages, reply } = document.operations[operation] ?? { messages: [] }
  const payload = ({ $ref }: { $ref: string }) => Object(follow(document, $ref)).payload
  return JSON.parse(JSON.stringify([messages.map(payload), (reply?.messages ?? []).map(payload)]))
}

test('the document is a valid AsyncAPI 3 document', () => {
  const servers = { main: { host: 'example.com', pathname: '/socket/websocket', protocol: 'wss' } } as const
  const document = asyncApi({
    title: 'Chat',
    version: '1.0.0',
    description: 'A chat.',
    servers,
    contracts: [Room],
  })
  expect(faultsOf(document)).toEqual([])
  expect(document).toMatchObject({ asyncapi: '3.0.0', info: { title: 'Chat', version: '1.0.0' }, servers })
  expect(document.info.description).toMatch(/^A chat\.\n\nA frame is the JSON array/)
})

test('the schema rejects an invalid document', () => {
  const document = describeAll(Room)
  expect(faultsOf({ ...document, channels: { a: { adress: 'a' } } })).not.toEqual([])
  expect(faultsOf({ ...document, channels: {} })).toContain('#/channels/room:*')
})

test('an empty set of contracts can be described', () => {
  expect(faultsOf(describeAll())).toEqual([])
})

test('the address of a pattern has the rest of the topic as parameter, an exact topic has no parameter', () => {
  const { channels } = describeAll(Room, defineContract({ topic: 'news' }), defineContract({ topic: '*' }))
  expect(channels['room:*']).toMatchObject({
    address: 'room:{subtopic}',
    parameters: { subtopic: { description: 'Part of the topic after `room:`' } },
  })
  expect(channels['news']).toMatchObject({ address: 'news' })
  expect(channels['news']).not.toHaveProperty('parameters')
  expect(channels['*']?.parameters).toEqual({ subtopic: { description: 'The whole topic' } })
})

test('a join has its params, and is answered with a reply or an error', () => {
  const [asked, answered] = payloads(describeAll(Room), 'room:*.receive.phx_join')
  expect(asked).toEqual([{ type: 'object', properties: { since: { type: 'integer' } } }])
  expect(answered).toMatchObject([
    { properties: { status: { const: 'ok' }, response: { properties: { history: { type: 'array' } } } } },
    { properties: { status: { const: 'error' }, response: { properties: { reason: { type: 'string' } } } } },
  ])
})

test('a join without schemas has any params, and an object as its reply', () => {
  const [asked, [ok]] = payloads(describeAll({ topic: 'news' }), 'news.receive.phx_join')
  expect(asked).toEqual([{}])
  expect(ok.properties.response).toEqual({ type: 'object' })
})

test('an incoming event without a reply schema is answered only with an error', () => {
  const document = describeAll(Room)
  const [asked, [ok, error]] = payloads(document, 'room:*.receive.new_msg')
  expect(asked).toMatchObject([{ properties: { body: { type: 'string' } } }])
  expect([ok, error]).toMatchObject([
    { properties: { response: { properties: { number: { type: 'integer' } } } } },
    { properties: { status: { const: 'error' } } },
  ])
  expect(payloads(document, 'room:*.receive.typing')[1]).toMatchObject([
    { properties: { status: { const: 'error' } } },
  ])
})

test('a message has the name of its event, and a reply has a correlation id', () => {
  const messages = describeAll(Room).channels['room:*']?.messages
  for (const [key, event] of [
    ['receive.new_msg', 'new_msg'],
    ['reply.ok.new_msg', 'phx_reply'],
  ]) {
    expect(messages?.[String(key)]).toMatchObject({
      name: event,
      headers: { properties: { event: { const: event } } },
      correlationId: { location: '$message.header#/ref' },
    })
  }
  expect(messages?.['send.new_msg']).toMatchObject({ name: 'new_msg' })
  expect(messages?.['send.new_msg']).not.toHaveProperty('correlationId')
})

test('bytes do not have the content type JSON', () => {
  const Files = defineContract({
    topic: 'files',
    incoming: { upload: { payload: Binary, reply: Binary } },
    outgoing: { file: Binary },
  })
  const document = describeAll(Files)
  const bytes = { contentType: 'application/octet-stream', payload: { type: 'string', format: 'binary' } }
  for (const key of ['receive.upload', 'reply.ok.upload', 'send.file']) {
    expect(document.channels['files']?.messages[key]).toMatchObject(bytes)
  }
  expect(faultsOf(document)).toEqual([])
})

test('special characters in names are escaped in references', () => {
  const odd = defineContract({
    topic: 'a/b~c#d %/é:*',
    incoming: { 'x/y#~ %': { payload: Type.Object({}), reply: Type.Object({}) } },
    outgoing: { ['__proto__']: Type.Object({}), constructor: Type.Object({}) },
  })
  const document = describeAll(odd)
  expect(faultsOf(document)).toEqual([])
  expect(payloads(document, 'a/b~c#d %/é:*.receive.x/y#~ %')[0]).toMatchObject([{ type: 'object' }])
})

test('two contracts with the same topic are refused, because the topic is the key of a channel', () => {
  const Other = defineContract({ topic: 'room:*', outgoing: { other: Type.Object({}) } })
  expect(() => describeAll(Room, defineContract({ topic: 'news' }), Other)).toThrow(
    expect.objectContaining({
      code: 'PHX_ERR_OPTION',
      message: 'asyncApi: `contracts` has two contracts for "room:*"; describe them in two documents',
    }),
  )
})
