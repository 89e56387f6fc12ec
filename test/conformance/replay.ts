import { expect } from 'vitest'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { withToken } from '../helpers/tokens.ts'

type Http = {
  path: string
  method?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is. */
  raw?: string
  /** Fields of the answer that later steps refer to as `{{name}}`. */
  save?: Record<string, string>
  /** Headers of the answer that were recorded. */
  keep?: string[]
}

type Step =
  | { open: string; query?: string }
  | { send: string; frames?: unknown[]; text?: string; hex?: string }
  | { shut: string }
  | { http: Http }
  /** Time that the recorded server needed; ours is asked instead whether it is done. */
  | { wait: number }

/** Messages that one connection (or `http`) received in one step. */
type Note = Record<string, unknown>

export type Scenario = { name: string; why?: string; steps: Step[]; seen: Record<string, Note[]>[] }

/** Do a scenario's steps and expect, after each, what the recording shows and nothing else. */
export async function replay(scenario: Scenario, base: string): Promise<void> {
  const player = new Player(base)
  for (const [at, step] of scenario.steps.entries()) {
    const wanted = scenario.seen[at] ?? {}
    await player.act(step, wanted)
    for (const [who, notes] of Object.entries(wanted)) {
      for (const note of notes) expect(await player.observe(who, note), `step ${at}, ${who}`).toEqual(note)
    }
    await player.settle()
  }
}

class Player {
  readonly #base: string
  readonly #clients = new Map<string, RawClient>()
  readonly #vars: Record<string, string> = { run: '<run>' }
  #answer: Note = {}

  constructor(base: string) {
    this.#base = base
  }

  async act(step: Step, wanted: Record<string, Note[]>): Promise<void> {
    if ('open' in step) {
      const url = `${this.#base.replace(/^http/, 'ws')}/socket/websocket?${this.#fill(step.query ?? 'vsn=2.0.0')}`
      const refused = wanted[step.open]?.[0]?.['refused']
      if (refused === undefined) this.#clients.set(step.open, await connect(url))
      else this.#answer = { refused: (await upgrade(url)).status }
    } else if ('send' in step) {
      const { frames = [], text, hex } = step
      const client = this.#client(step.send)
      for (const frame of frames) client.send(this.#fill(JSON.stringify(frame)))
      if (text !== undefined) client.send(this.#fill(text))
      if (hex !== undefined) client.send(Buffer.from(hex, 'hex'))
    } else if ('shut' in step) {
      this.#client(step.shut).ws.close(1000)
    } else if ('http' in step) {
      this.#answer = await this.#http(step.http)
    }
  }

  /** The next thing that came, in the shape of the recording. */
  async observe(who: string, wanted: Note): Promise<Note> {
    if (who === 'http' || 'refused' in wanted) return this.#answer
    const client = this.#client(who)
    if ('opened' in wanted) return { opened: true }
    if ('close' in wanted) return { close: await client.closed }
    const frame = await client.next()
    return typeof frame === 'string' ? { text: mask(JSON.parse(frame)) } : { bin: frame.toString('hex') }
  }

  /** Nothing else came to anybody. */
  async settle(): Promise<void> {
    for (const client of this.#clients.values()) {
      if (client.ws.readyState === client.ws.OPEN) await client.nothing()
    }
  }

  #client(who: string): RawClient {
    const client = this.#clients.get(who)
    if (client === undefined) throw new Error(`the scenario has not opened ${who}`)
    return client
  }

  async #http({ path, method = 'GET', headers = {}, body, raw, save = {}, keep = [] }: Http): Promise<Note> {
    const sent = raw ?? (body === undefined ? '' : JSON.stringify(body))
    const filled = this.#base + this.#fill(path)
    const url = path.startsWith('/socket') ? withToken(filled) : filled
    const response = await request(url, { method, headers, body: this.#fill(sent) })
    const answer = JSON.parse(response.body)
    for (const [name, key] of Object.entries(save)) this.#vars[name] = encodeURIComponent(answer[key])
    return {
      status: response.status,
      type: response.headers['content-type']?.split(';')[0],
      ...Object.fromEntries(keep.map((name) => [name, response.headers[name]])),
      body: mask(answer),
    }
  }

  #fill(template: string): string {
    return template.replace(/\{\{(\w+)\}\}/g, (_, name) => this.#vars[name] ?? '')
  }
}

/** References and tokens are random, details of a validation error are free: hide them. */
function mask(value: unknown, key = ''): unknown {
  if (['phx_ref', 'phx_ref_prev', 'token'].includes(key) && typeof value === 'string') return '*'
  if (key === 'messages' && Array.isArray(value))
    return value.map((text) => ({ text: mask(JSON.parse(text)) }))
  if (Array.isArray(value)) return value.map((item) => mask(item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([name]) => name !== 'errors')
  return Object.fromEntries(entries.map(([name, item]) => [name, mask(item, name)]))
}
