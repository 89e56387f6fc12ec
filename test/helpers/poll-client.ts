import { expect } from 'vitest'
import { type RawRequest, request } from './raw-http.ts'
import type { ConnectClient, TestClient } from './test-client.ts'
import { withToken } from './tokens.ts'

export const connectLongPoll: ConnectClient = async (base, query = 'vsn=2.0.0') => {
  const url = withToken(`${base}/socket/longpoll?${query}`)
  const ask = async (own: string, given?: RawRequest) => JSON.parse((await request(own, given)).body)
  const { token } = await ask(url)
  return new PollClient((given) => ask(`${url}&token=${encodeURIComponent(token)}`, given))
}

type Ask = (given?: RawRequest) => Promise<{ status: number; messages?: string[] }>

/** A client that polls when it is asked for the next frame. */
class PollClient implements TestClient {
  readonly #ask: Ask
  readonly #frames: string[] = []

  constructor(ask: Ask) {
    this.#ask = ask
  }

  async send(...frames: (string | Uint8Array)[]): Promise<void> {
    const lines = frames.map((frame) =>
      typeof frame === 'string' ? frame : Buffer.from(frame).toString('base64'),
    )
    await this.#ask({
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    })
  }

  async next(): Promise<string> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      const { status, messages = [] } = await this.#ask()
      if (status === 410) throw new Error('the session has gone')
      this.#frames.push(...messages)
    }
  }

  async nothing(): Promise<void> {
    await this.send('[null,"nothing","phoenix","heartbeat",{}]')
    expect(await this.next()).toContain('"nothing"')
  }

  async gone(): Promise<void> {
    await expect(this.next()).rejects.toThrow('gone')
  }
}
