import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import { withToken } from './tokens.ts'

const TIMEOUT = 3_000

/** A websocket and nothing else: it sends what it is given and queues what arrives, text or bytes. */
export class RawClient {
  readonly ws: WebSocket
  /** The close code. */
  readonly closed: Promise<number>
  /** The connection below, for bytes that no websocket library would send. */
  tcp: Socket | null = null
  readonly #frames: (string | Buffer)[] = []
  /** Emits `change` when a frame has come, and at the end. */
  readonly #news = new EventEmitter()

  constructor(url: string, { protocols = [], ...options }: ClientOptions & { protocols?: string[] } = {}) {
    this.ws = new WebSocket(withToken(url), protocols, { perMessageDeflate: false, ...options })
    this.ws.on('upgrade', (response) => {
      this.tcp = response.socket
    })
    this.ws.on('message', (data: Buffer, isBinary) => {
      this.#frames.push(isBinary ? data : data.toString())
      this.#news.emit('change')
    })
    this.closed = new Promise((resolve) => this.ws.on('close', resolve))
    this.ws.on('close', () => this.#news.emit('change'))
  }

  /** Send frames as they stand, several of them in one TCP segment. */
  send(...frames: (string | Uint8Array)[]): void {
    this.tcp?.cork()
    for (const frame of frames) this.ws.send(frame)
    this.tcp?.uncork()
  }

  /** The next frame; fails after three seconds, or when the connection ends. */
  async next(): Promise<string | Buffer> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.ws.readyState === this.ws.CLOSED) throw new Error(`closed with ${await this.closed}`)
      await once(this.#news, 'change', { signal: AbortSignal.timeout(TIMEOUT) })
    }
  }

  /** Nothing comes but the reply to a heartbeat: the server is done with what was sent before. */
  async nothing(): Promise<void> {
    const isV2 = this.ws.url.includes('vsn=2')
    const v1 = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"nothing"}'
    this.send(isV2 ? '[null,"nothing","phoenix","heartbeat",{}]' : v1)
    expect(String(await this.next())).toContain('"nothing"')
  }
}

/** Connect, until the end of the test. */
export async function connect(...given: ConstructorParameters<typeof RawClient>): Promise<RawClient> {
  const client = new RawClient(...given)
  onTestFinished(() => client.ws.terminate())
  await once(client.ws, 'open')
  client.ws.on('error', () => {}) // what ends the connection shows in `closed`
  return client
}
