import { once } from 'node:events'
import { Line, type LineOptions } from './line.ts'
import { PollLine } from './poll-line.ts'
import type { SteadyRecord } from './records.ts'

/** Part of the reply to a join that is refused because the server is overloaded. The client then joins again. */
const OVERLOADED = '"overloaded"'

/** Identity of a steady client, and the address to which it connects. */
export type SteadyPlan = Pick<SteadyRecord, 'id' | 'room' | 'via'> & LineOptions

/** Client that joins its room and remains joined until the end. */
export abstract class SteadyClient {
  readonly plan: SteadyPlan
  readonly #heard: [number, number][]
  #endedWith: string | null

  constructor(plan: SteadyPlan) {
    this.plan = plan
    this.#heard = []
    this.#endedWith = null
  }

  get record(): SteadyRecord {
    const { id, room, via } = this.plan
    return { id, room, via, heard: this.#heard, endedWith: this.#endedWith }
  }

  /** Latest number that the client has received. */
  get latest(): number {
    return this.#heard.at(-1)?.[1] ?? 0
  }

  /** Join the room. Resolves when the client has joined, or could not. */
  abstract join(): Promise<void>
  abstract send(frame: string): void
  /** Leave the room and disconnect. */
  abstract leave(): Promise<void>

  say(n: number): void {
    this.send(`["1","said ${n}","${this.plan.room}","say",{"n":${n}}]`)
  }

  beat(): void {
    this.send('[null,"beat","phoenix","heartbeat",{}]')
  }

  protected hear(frame: string): void {
    const [, digits] = /,"said",\{"n":(\d+)\}\]$/.exec(frame) ?? []
    if (digits === undefined) return
    const n = Number(digits)
    const latest = this.#heard.at(-1)
    if (latest !== undefined && n === latest[1] + 1) latest[1] = n
    else this.#heard.push([n, n])
  }

  protected end(how: string): void {
    this.#endedWith ??= how
  }
}

/** Steady client over WebSocket. */
export class SteadySocket extends SteadyClient {
  #line: Line | null = null
  #isLeaving = false

  async join(): Promise<void> {
    const line = new Line(this.plan)
    this.#line = line
    line.ws.on('message', (data) => this.hear(String(data)))
    void line.ended.then((code) => {
      if (!this.#isLeaving) this.end(`closed with ${code}`)
    })
    await Promise.race([once(line.ws, 'open'), line.ended])
    let reply: string | null = OVERLOADED
    while (line.isOpen && reply?.includes(OVERLOADED)) {
      reply = await line.join(this.plan.room, { id: this.plan.id })
    }
    if (!reply?.includes('"ok"')) this.end(`not joined: ${reply}`)
  }

  send(frame: string): void {
    this.#line?.ws.send(frame)
  }

  async leave(): Promise<void> {
    this.#isLeaving = true
    if (this.#line?.isOpen) await this.#line.ask('2', this.plan.room, 'phx_leave')
    this.#line?.ws.close(1000)
    await this.#line?.ended
  }
}

/** Steady client over long-poll. */
export class SteadyPoller extends SteadyClient {
  readonly #line: PollLine
  #polling: Promise<void> | null = null
  #isLeaving = false

  constructor(plan: SteadyPlan) {
    super(plan)
    this.#line = new PollLine({ ...plan, query: `vsn=2.0.0&id=${plan.id}` }, '/patient')
  }

  async join(): Promise<void> {
    const opened = await this.#line.open()
    if (opened !== 410) return this.end(`no session: ${opened}`)
    this.#sendJoin()
    await new Promise<void>((joined) => {
      this.#polling = this.#poll(joined)
    })
  }

  send(frame: string): void {
    void this.#line.post(frame).then((status) => {
      if (status !== 200) this.end(`a POST was answered ${status}`)
    })
  }

  async leave(): Promise<void> {
    this.#isLeaving = true
    const { id, room } = this.plan
    // Let the server disconnect this client. It cannot close its session itself, and the session would end only after
    // its timeout.
    const kick = `["2","4","busy:kicks","kick",{"id":"${id}"}]`
    await this.#line.post(`["1","2","${room}","phx_leave",{}]`, '["2","3","busy:kicks","phx_join",{}]', kick)
    await this.#polling
  }

  async #poll(joined: () => void): Promise<void> {
    while (!this.#isLeaving && this.record.endedWith === null) {
      const { status, messages = [] } = await this.#line.poll()
      if (status !== 200 && status !== 204) this.end(`a poll was answered ${status}`)
      for (const frame of messages) this.hear(frame)
      const reply = messages.find((frame) => frame.includes(',"1",') && frame.includes('"phx_reply"'))
      if (reply?.includes(OVERLOADED)) this.#sendJoin()
      else if (reply !== undefined) joined()
    }
    joined()
  }

  #sendJoin(): void {
    const { id, room } = this.plan
    this.send(`["1","1","${room}","phx_join",{"id":"${id}"}]`)
  }
}
