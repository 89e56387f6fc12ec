import { once } from 'node:events'
import type { Socket as NetSocket } from 'node:net'
import { WebSocket } from 'ws'

const V1_HEARTBEAT = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"lives"}'
const V2_HEARTBEAT = '[null,"lives","phoenix","heartbeat",{}]'

/** Server to connect to, and identity of the client. */
export type LineOptions = {
  /** `http://127.0.0.1:PORT` */
  readonly base: string
  /** Address of the client, for the header `x-forwarded-for`. */
  readonly from: string
  /** Query of the URL. Default: `vsn=2.0.0`. */
  readonly query?: string
}

/** WebSocket client that can wait for frames, and records how the connection ended. */
export class Line {
  readonly ws: WebSocket
  /** Resolves with the close code, or with the HTTP status of a refusal. */
  readonly ended: Promise<number>
  /** TCP connection, to send bytes that no WebSocket library would send. */
  tcp: NetSocket | null
  readonly #waiting: Set<{ readonly part: string; tell(frame: string | null): void }>

  constructor({ base, from, query = 'vsn=2.0.0' }: LineOptions) {
    const url = `${base.replace('http', 'ws')}/socket/websocket?${query}`
    this.ws = new WebSocket(url, { perMessageDeflate: false, headers: { 'x-forwarded-for': from } })
    this.tcp = null
    this.#waiting = new Set()
    this.ended = new Promise((resolve) => {
      this.ws.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode ?? 0)
        this.ws.terminate()
      })
      this.ws.on('close', resolve)
    })
    this.ws.on('upgrade', ({ socket }) => {
      this.tcp = socket
    })
    this.ws.on('message', (data) => this.#heard(String(data)))
    this.ws.on('error', () => {}) // ignored, because `ended` shows how the connection ended
    this.ws.on('close', () => this.#heard(null))
  }

  /** Connect. Resolves when the connection is open or refused. */
  static async open(options: LineOptions): Promise<Line> {
    const line = new Line(options)
    await Promise.race([once(line.ws, 'open'), line.ended])
    return line
  }

  get isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN
  }

  /** Wait for the next frame that contains `part`. Resolves with null if the connection ends before. */
  hears(part: string): Promise<string | null> {
    if (this.ws.readyState === WebSocket.CLOSED) return Promise.resolve(null)
    return new Promise((tell) => this.#waiting.add({ part, tell }))
  }

  /** Send a message, and wait for the reply. Resolves with null if the connection ends before. */
  ask(ref: string, topic: string, event: string, payload: object = {}): Promise<string | null> {
    const reply = this.hears(`,"${ref}","${topic}","phx_reply",`)
    this.ws.send(JSON.stringify(['1', ref, topic, event, payload]))
    return reply
  }

  /** Join a topic, and wait for the reply. Resolves with null if the connection ends before. */
  join(topic: string, payload: object = {}): Promise<string | null> {
    return this.ask('1', topic, 'phx_join', payload)
  }

  /** Send a heartbeat. Resolves with true if the server replies. */
  async lives(vsn: 1 | 2 = 2): Promise<boolean> {
    if (!this.isOpen) return false
    const reply = this.hears('"lives"')
    this.ws.send(vsn === 1 ? V1_HEARTBEAT : V2_HEARTBEAT)
    return (await reply) !== null
  }

  /** End the connection without a close frame. */
  async hangUp(): Promise<void> {
    this.ws.terminate()
    await this.ended
  }

  #heard(frame: string | null): void {
    for (const one of this.#waiting) {
      if (frame !== null && !frame.includes(one.part)) continue
      this.#waiting.delete(one)
      one.tell(frame)
    }
  }
}
