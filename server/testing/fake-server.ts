import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import {
  callback,
  checkOption,
  faultOf,
  list,
  nonNegative,
  object,
  type Rule,
  rule,
} from '../../protocol/check.ts'
import { isPlainObject } from '../../protocol/shown.ts'
import { type ChannelDefinition, channelDefinition } from '../channel/define-channel.ts'
import { serverOf } from '../endpoint/endpoint.ts'
import { phoenix } from '../plugin.ts'
import { defineSocket } from '../socket/define-socket.ts'
import { Socket } from '../socket/socket.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import { isCloseCode } from '../transport/refusal.ts'
import { decodeFrame } from './client-codec.ts'
import { difference, Exactly, type Expected } from './expected.ts'
import { FaultyNetwork } from './faulty-network.ts'
import { FrameLog, type LoggedFrame } from './frame-log.ts'
import { Script, type ScriptedTopic } from './scripted-topic.ts'

/** Options of `fakeServer`. All of them are optional. */
export type FakeServerOptions = {
  /** Real channels, from `defineChannel`. Their topics cannot be scripted. Default: none. */
  readonly channels?: readonly ChannelDefinition[]
  /** Port on 127.0.0.1. Default: any free port. */
  readonly port?: number
}

/** Selection of a frame: a predicate, or some fields of the frame, such as `{ event: 'phx_reply' }`. */
export type FrameMatcher = Expected<LoggedFrame>

const port = rule(
  'an integer from 0 to 65535',
  (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
)
const serverOptions = object<FakeServerOptions>({ channels: list(channelDefinition), port })
const frameMatcher: Rule = (value) =>
  isPlainObject(value) || value instanceof Exactly || callback(value) === null
    ? null
    : faultOf('an object literal, exactly(…) or a function', value)
const httpStatus = rule(
  'an integer from 400 to 599',
  (value) => Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599,
)
const closeCode = rule(
  'a close code that can be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999',
  isCloseCode,
)

type OneShot = { readonly matcher: FrameMatcher; readonly fate: 'lost' | 'duplicated' }

/**
 * Start a server with scripted channels, for the tests of a client. Clients can join any topic, and the test can make
 * the server lose frames and connections.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an illegal value.
 */
export async function fakeServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  checkOption('fakeServer', options, serverOptions)
  const app = fastify({ forceCloseConnections: true })
  const { channels = [], port = 0 } = options
  const server = new FakeServer(app)
  await server.start(channels, port)
  return server
}

/** Server in this process that can simulate faults. Created by `fakeServer`. */
export class FakeServer {
  readonly #app: FastifyInstance
  readonly #script: Script
  readonly #log: FrameLog
  readonly #oneShots: OneShot[]
  #network: FaultyNetwork | null
  #port: number
  #connections: number
  #refusal: number | null
  #isLongPollOnly: boolean
  readonly #opened: (message: unknown) => void

  /** Internal. Called by `fakeServer`. */
  constructor(app: FastifyInstance) {
    this.#app = app
    this.#script = new Script()
    this.#log = new FrameLog()
    this.#oneShots = []
    this.#network = null
    this.#port = 0
    this.#connections = 0
    this.#refusal = null
    this.#isLongPollOnly = false
    this.#opened = (message) => this.#watch(message)
  }

  /** Internal. Called by `fakeServer`. */
  async start(channels: readonly ChannelDefinition[], port: number): Promise<void> {
    const app = this.#app
    app.addHook('onRequest', (request, reply, done) => {
      const status = this.#refusalOf(request.headers.upgrade !== undefined, request.query)
      if (status === null) return done()
      void reply.code(status).send()
    })
    let socket = defineSocket({ connect: () => ({ ok: {} }), log: false })
    for (const definition of [...channels, this.#script.channel()])
      socket = socket.channel(definition as never)
    const mount = { socket, longpoll: true, checkOrigin: false, authToken: true, drainer: false } as const
    await app.register(phoenix, { sockets: { '/socket': mount } })
    telemetry.socketOpened.subscribe(this.#opened)
    await app.listen({ port: 0, host: '127.0.0.1' })
    this.#network = new FaultyNetwork((app.server.address() as AddressInfo).port)
    this.#port = await this.#network.listen(port).catch(async (error: unknown) => {
      telemetry.socketOpened.unsubscribe(this.#opened)
      await app.close()
      throw error
    })
  }

  /** URL of the server, `http://127.0.0.1:PORT`. The socket is at `/socket`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** All frames so far, of both directions, in order. */
  get frames(): readonly LoggedFrame[] {
    return this.#log.frames
  }

  /** Text with one line for each frame, and for each start or end of a connection. */
  transcript(): string {
    return String(this.#log)
  }

  /** Define the server's behaviour on the topics of a pattern: `server.topic('room:*').onJoin(…).on('new_msg', …)`. */
  topic(pattern: string): ScriptedTopic {
    return this.#script.topic(pattern)
  }

  /** Send an event to all clients that have joined a topic. */
  broadcast(topic: string, event: string, payload: object): void {
    void this.#app.endpoint.broadcast(topic, event, payload)
  }

  /**
   * Close all connections with `code`. If `code` is omitted, cut the connections without a close frame. New connections
   * are still accepted.
   */
  dropConnections({ code }: { readonly code?: number } = {}): void {
    if (code === undefined) return this.#network?.cut()
    checkOption('dropConnections: `code`', code, closeCode)
    for (const socket of [...serverOf(this.#app.endpoint).sockets]) socket.close(code, 'closed')
  }

  /** Refuse new connections with this HTTP status until `acceptConnections` is called. Default: 503. */
  refuseConnections(status = 503): void {
    checkOption('refuseConnections: the status', status, httpStatus)
    this.#refusal = status
  }

  /** Accept new connections again, including WebSockets. */
  acceptConnections(): void {
    this.#refusal = null
    this.#isLongPollOnly = false
  }

  /** Refuse WebSockets, as some proxies do, until `acceptConnections` is called. */
  longPollOnly(): void {
    this.#isLongPollOnly = true
  }

  /** Delay all bytes in each direction by this number of milliseconds; 0 for no delay. */
  delay(ms: number): void {
    checkOption('delay: `ms`', ms, nonNegative)
    if (this.#network !== null) this.#network.delayMs = ms
  }

  /** Hold back all bytes, in both directions, until `resume` is called. */
  pause(): void {
    if (this.#network !== null) this.#network.isPaused = true
  }

  resume(): void {
    if (this.#network === null) return
    this.#network.isPaused = false
    this.#network.flush()
  }

  /**
   * Lose all bytes without closing the connections (no FIN). Connections that open before `restoreNetwork` is called
   * never get a response.
   */
  killNetwork(): void {
    this.#network?.kill()
  }

  /** Forward new connections again. Connections that `killNetwork` has killed stay dead. */
  restoreNetwork(): void {
    this.#network?.revive()
  }

  /** Lose the next matching frame that the server sends. The client does not receive the frame. */
  dropNext(matcher: FrameMatcher): void {
    checkOption('dropNext: the matcher', matcher, frameMatcher)
    this.#oneShots.push({ matcher, fate: 'lost' })
  }

  /** Duplicate the next matching frame that the server sends. The client receives the frame twice. */
  duplicateNext(matcher: FrameMatcher): void {
    checkOption('duplicateNext: the matcher', matcher, frameMatcher)
    this.#oneShots.push({ matcher, fate: 'duplicated' })
  }

  /** End all connections and stop. */
  async close(): Promise<void> {
    telemetry.socketOpened.unsubscribe(this.#opened)
    await this.#network?.close()
    await this.#app.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #refusalOf(isUpgrade: boolean, query: unknown): number | null {
    // A long-poll request without a token in its query opens a new session.
    const isNew = isUpgrade || !Object.hasOwn(Object(query), 'token')
    if (this.#refusal !== null && isNew) return this.#refusal
    return this.#isLongPollOnly && isUpgrade ? 404 : null
  }

  /** Log the frames of a connection, and lose or duplicate the frames that `dropNext` and `duplicateNext` select. */
  #watch(message: unknown): void {
    const { endpoint, socket } = Object(message)
    if (endpoint !== this.#app.endpoint || !(socket instanceof Socket)) return
    this.#connections += 1
    const connection = this.#connections
    const { transport, serializer } = socket
    this.#log.note(connection, `opened (${transport.name}, ${serializer.vsn})`)
    const receive = socket.receive.bind(socket)
    socket.receive = (data, opcode, size) => {
      this.#note({ from: 'client', connection, data, fate: 'sent' })
      receive(data, opcode, size)
    }
    const send = transport.send.bind(transport)
    transport.send = (frame) => {
      const { data } = frame
      const fate = this.#fateOf({ from: 'server', connection, data, fate: 'sent' })
      if (fate !== 'lost') send(frame)
      if (fate === 'duplicated') send(frame)
    }
    const closed = socket.closed.bind(socket)
    socket.closed = (reason, code, by) => {
      if (endpoint.sockets.has(socket)) this.#log.note(connection, `closed (${code ?? reason})`)
      closed(reason, code, by)
    }
  }

  #fateOf(sent: Sent): LoggedFrame['fate'] {
    const frame = { ...sent, ...decodeFrame(sent.data, sent.from) }
    const index = this.#oneShots.findIndex(({ matcher }) => difference(matcher, frame) === null)
    const [found] = index === -1 ? [] : this.#oneShots.splice(index, 1)
    const fate = found?.fate ?? 'sent'
    this.#log.add({ ...frame, fate })
    return fate
  }

  #note(sent: Sent): void {
    this.#log.add({ ...sent, ...readable(sent) })
  }
}

type Sent = Pick<LoggedFrame, 'from' | 'connection' | 'data' | 'fate'>

/** Decode a sent frame for the log. Text or bytes that cannot be decoded are logged as `(not a frame)`. */
function readable({ data, from }: Sent): ReturnType<typeof decodeFrame> {
  try {
    return decodeFrame(typeof data === 'string' ? data : new Uint8Array(data), from)
  } catch {
    return { joinRef: null, ref: null, topic: '(not a frame)', event: '', payload: data }
  }
}
