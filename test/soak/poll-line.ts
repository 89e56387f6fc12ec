import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request } from '../helpers/raw-http.ts'
import type { LineOptions } from './line.ts'

/** Content of a response. `status` is the HTTP status if the response has no body. */
type Answer = { readonly status: number; readonly messages?: readonly string[]; readonly token?: string }

/** Long-poll client that sends a request only when a method is called. */
export class PollLine {
  readonly #url: string
  readonly #from: string
  #token: string | null

  constructor({ base, from, query = 'vsn=2.0.0' }: LineOptions, mount = '/socket') {
    this.#url = `${base}${mount}/longpoll?${query}`
    this.#from = from
    this.#token = null
  }

  /** Open a session. Resolves with the status: 410 for a new session. */
  async open(): Promise<number> {
    const { status, token = null } = await this.#request(null)
    this.#token = token
    return status
  }

  /** Poll for messages. */
  poll(): Promise<Answer> {
    return this.#request(null)
  }

  /** Send frames. Resolves with the status. */
  async post(...frames: readonly string[]): Promise<number> {
    return (await this.#request(frames.join('\n'))).status
  }

  /** Send an incomplete body. Resolves with the HTTP status of the response. */
  async stall(): Promise<number> {
    const headers = { 'x-forwarded-for': this.#from, 'content-length': '1000' }
    const posted = httpRequest(this.#url + this.#query, { method: 'POST', headers })
    posted.on('error', () => {})
    posted.write('[')
    const [response] = (await once(posted, 'response')) as [IncomingMessage]
    posted.destroy()
    return response.statusCode ?? 0
  }

  get #query(): string {
    return this.#token === null ? '' : `&token=${encodeURIComponent(this.#token)}`
  }

  async #request(body: string | null): Promise<Answer> {
    const headers = { 'x-forwarded-for': this.#from }
    const type = { 'content-type': 'application/x-ndjson' }
    const post = { method: 'POST', headers: { ...headers, ...type }, body: body ?? '' }
    const answer = await request(this.#url + this.#query, body === null ? { headers } : post)
    return answer.body === '' ? { status: answer.status } : JSON.parse(answer.body)
  }
}
