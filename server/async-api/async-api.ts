import { Binary } from '../../protocol/binary.ts'
import { checkOption, list, nonEmptyString, object, oneOf, record, string } from '../../protocol/check.ts'
import { type Contract, contractRule } from '../../protocol/contract.ts'
import { UsageError } from '../../protocol/errors.ts'
import { PHX_REPLY } from '../../protocol/events.ts'
import { parseTopicPattern } from '../../protocol/topic.ts'
import { type Exchange, exchangesOf, objectSchema, type Schema, stringSchema } from './exchanges.ts'

/** Contracts to document with `asyncApi`, and general information about the application. */
export type AsyncApiOptions = {
  /** Title of the application. */
  readonly title: string
  /** Version of the application, such as `1.0.0`. */
  readonly version: string
  readonly description?: string
  /** Addresses of the sockets, by names of your choice. Default: none. */
  readonly servers?: Readonly<Record<string, AsyncApiServer>>
  readonly contracts: readonly Contract[]
}

/** Address of a socket: `{ host: 'example.com', pathname: '/socket/websocket', protocol: 'wss' }`. */
export type AsyncApiServer = {
  readonly host: string
  readonly pathname: string
  readonly protocol: 'ws' | 'wss'
}

/** Reference to another part of the document. */
export type AsyncApiReference = { readonly $ref: string }

/**
 * Message of an event. `name` is the event, `payload` describes the last element of the frame, and `headers` describes
 * the other elements.
 */
export type AsyncApiMessage = {
  readonly name: string
  readonly summary?: string
  readonly contentType?: string
  readonly headers: Schema
  readonly correlationId?: { readonly location: string }
  readonly payload: Schema
}

/** Channel of the document: the topics that match one pattern, and their messages. */
export type AsyncApiChannel = {
  readonly address: string
  readonly parameters?: Readonly<Record<string, { readonly description: string }>>
  readonly messages: Readonly<Record<string, AsyncApiMessage>>
}

/** Operation of the server: it receives an event and may reply, or it sends an event. */
export type AsyncApiOperation = {
  readonly action: 'receive' | 'send'
  readonly channel: AsyncApiReference
  readonly messages: readonly AsyncApiReference[]
  readonly reply?: { readonly messages: readonly AsyncApiReference[] }
}

/** AsyncAPI 3 document, ready for `JSON.stringify`. */
export type AsyncApi = {
  readonly asyncapi: '3.0.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly defaultContentType: string
  readonly servers?: Readonly<Record<string, AsyncApiServer>>
  readonly channels: Readonly<Record<string, AsyncApiChannel>>
  readonly operations: Readonly<Record<string, AsyncApiOperation>>
}

const FRAMES =
  'A frame is the JSON array [join_ref, ref, topic, event, payload]. Its topic is the address of a channel, ' +
  'its event the name of a message. If the payload is bytes, the frame is not JSON but binary.'

/** Schema of `ref` and `join_ref`. A client may send any JSON value, and replies repeat this value (FRAME-4). */
const anyJson = {} as const
const byRef = { location: '$message.header#/ref' } as const

const serverRule = object<AsyncApiServer>(
  { host: nonEmptyString, pathname: string, protocol: oneOf('ws', 'wss') },
  ['host', 'pathname', 'protocol'],
)
const documentOptions = object<AsyncApiOptions>(
  {
    title: string,
    version: string,
    description: string,
    servers: record(serverRule),
    contracts: list(contractRule),
  },
  ['title', 'version', 'contracts'],
)

/**
 * Describe the messages of contracts as an AsyncAPI 3 document.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key, an invalid value, an invalid contract, or two contracts
 * with the same topic.
 */
export function asyncApi(options: AsyncApiOptions): AsyncApi {
  checkOption('asyncApi', options, documentOptions)
  const { title, version, description, servers, contracts } = options
  checkTopics(contracts)
  const described = contracts.map((contract) => ({ contract, exchanges: exchangesOf(contract) }))
  return {
    asyncapi: '3.0.0',
    info: { title, version, description: description === undefined ? FRAMES : `${description}\n\n${FRAMES}` },
    defaultContentType: 'application/json',
    ...(servers === undefined ? {} : { servers }),
    channels: Object.fromEntries(
      described.map(({ contract, exchanges }) => [contract.topic, describeChannel(contract, exchanges)]),
    ),
    operations: Object.fromEntries(
      described.flatMap(({ contract, exchanges }) =>
        exchanges.map((exchange) => [
          `${contract.topic}.${keyOf(exchange)}`,
          describeOperation(contract.topic, exchange),
        ]),
      ),
    ),
  }
}

/** The topic of a contract is the key of its channel in the document. */
function checkTopics(contracts: readonly Contract[]): void {
  const topics = contracts.map(({ topic }) => topic)
  const twice = topics.find((topic, index) => topics.indexOf(topic) < index)
  if (twice === undefined) return
  throw new UsageError(
    'PHX_ERR_OPTION',
    `asyncApi: \`contracts\` has two contracts for "${twice}"; describe them in two documents`,
  )
}

function describeChannel({ topic }: Contract, exchanges: readonly Exchange[]): AsyncApiChannel {
  const { prefix, isWildcard } = parseTopicPattern(topic)
  const messages = exchanges.flatMap((exchange) => {
    const ok = exchange.reply === undefined ? [] : [[replyKey(exchange), okReply(exchange.reply)] as const]
    return [[keyOf(exchange), describeMessage(exchange)] as const, ...ok]
  })
  const description = prefix === '' ? 'The whole topic' : `Part of the topic after \`${prefix}\``
  return {
    address: isWildcard ? `${prefix}{subtopic}` : prefix,
    ...(isWildcard ? { parameters: { subtopic: { description } } } : {}),
    messages: { ...Object.fromEntries(messages), 'reply.error': errorReply },
  }
}

function describeMessage({ action, event, summary, payload }: Exchange): AsyncApiMessage {
  const name = { const: event }
  const headers =
    action === 'receive'
      ? objectSchema({ join_ref: anyJson, ref: anyJson, event: name })
      : objectSchema({ event: name })
  return {
    name: event,
    ...(summary === undefined ? {} : { summary }),
    headers,
    ...(action === 'receive' ? { correlationId: byRef } : {}),
    ...content(payload),
  }
}

const replyHeaders = objectSchema({ join_ref: anyJson, ref: anyJson, event: { const: PHX_REPLY } })

function okReply(response: Schema): AsyncApiMessage {
  const payload = response === Binary ? response : objectSchema({ status: { const: 'ok' }, response })
  return { name: PHX_REPLY, headers: replyHeaders, correlationId: byRef, ...content(payload) }
}

const errorReply: AsyncApiMessage = {
  name: PHX_REPLY,
  summary: 'The message was refused; `reason` in the response gives the cause.',
  headers: replyHeaders,
  correlationId: byRef,
  payload: objectSchema({
    status: { const: 'error' },
    response: { type: 'object', properties: { reason: stringSchema } },
  }),
}

function describeOperation(topic: string, exchange: Exchange): AsyncApiOperation {
  const channel = { $ref: `#/channels/${pointer(topic)}` }
  const message = (key: string): AsyncApiReference => ({ $ref: `${channel.$ref}/messages/${pointer(key)}` })
  const operation = { action: exchange.action, channel, messages: [message(keyOf(exchange))] }
  if (exchange.action === 'send') return operation
  const ok = exchange.reply === undefined ? [] : [message(replyKey(exchange))]
  return { ...operation, reply: { messages: [...ok, message('reply.error')] } }
}

function keyOf({ action, event }: Exchange): string {
  return `${action}.${event}`
}

function replyKey({ event }: Exchange): string {
  return `reply.ok.${event}`
}

/** Escape a key for a JSON pointer in a URI fragment (RFC 6901, section 6). */
function pointer(key: string): string {
  return encodeURI(key.replaceAll('~', '~0').replaceAll('/', '~1')).replaceAll('#', '%23')
}

function content(payload: Schema): { payload: Schema; contentType?: string } {
  if (payload !== Binary) return { payload }
  return { payload: { type: 'string', format: 'binary' }, contentType: 'application/octet-stream' }
}
