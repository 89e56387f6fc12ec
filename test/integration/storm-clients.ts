// A process of clients for storm.test.ts, which commands it.
import { setTimeout as sleep } from 'node:timers/promises'
import { Socket } from 'phoenix'
import { WebSocket } from 'ws'

/** Commands of the test. Each is answered when it is done, or the time limit is over. */
export type Command =
  | { do: 'connect'; base: string; raw: number; official: number; rooms: number }
  /** All lose their connection at once, and come back to their rooms. */
  | { do: 'return' }
  /** They have so many milliseconds to fall back to long-poll. */
  | { do: 'watch'; ms: number }
export type Answer = {
  /** Number of clients that have joined all their rooms. */
  joined: number
  /** Upgrades that were answered with anything but 101. */
  refusedUpgrades: number
  refusedJoins: number
  /** Official clients that use another transport than WebSocket. */
  fallenBack: number
  /** When it was so, in ms since 1970. */
  at: number
}

/** The default of the official client's documentation. */
const FALLBACK_MS = 2_500
const PATIENCE_MS = 40_000

let refusedUpgrades = 0
let refusedJoins = 0

/** Connects anew at once, as no official client would, and asks again when a join is refused. */
class Raw {
  /** How often it has come back. */
  returns = -1
  readonly #url: string
  readonly #rooms: number
  #joined = 0
  #ws: WebSocket | null = null

  constructor(url: string, rooms: number) {
    this.#url = `${url}/websocket?vsn=2.0.0`
    this.#rooms = rooms
    inTurn(() => this.#connect())
  }

  get isHere(): boolean {
    return this.#joined === this.#rooms
  }

  drop(): void {
    this.#ws?.terminate()
  }

  #connect(): void {
    this.#joined = 0
    const ws = new WebSocket(this.#url, { perMessageDeflate: false })
    this.#ws = ws
    const join = (room: string) => ws.send(`["${room}","${room}","room:${room}","phx_join",{}]`)
    ws.on('error', () => {
      refusedUpgrades += 1
    })
    ws.on('open', () => {
      this.returns += 1
      for (let room = 0; room < this.#rooms; room += 1) join(String(room))
    })
    ws.on('message', (data) => {
      const text = String(data)
      if (text.includes('"status":"ok"')) this.#joined += 1
      else if (text.includes('"status":"error"')) {
        refusedJoins += 1
        setTimeout(join, 1_000, JSON.parse(text)[0])
      }
    })
    ws.on('close', () => inTurn(() => this.#connect()))
  }
}

/** Connections that are opened in one turn of this process's event loop. */
const AT_ONCE = 20
const connecting: (() => void)[] = []

/**
 * Connect as soon as this process can. Clients of machines of their own send their request when they are
 * connected; had all of one process to connect first, their requests would come all in one piece.
 */
function inTurn(connect: () => void): void {
  if (connecting.length === 0) setImmediate(nextTurn)
  connecting.push(connect)
}

function nextTurn(): void {
  for (const connect of connecting.splice(0, AT_ONCE)) connect()
  if (connecting.length > 0) setImmediate(nextTurn)
}

class Official {
  returns = -1
  readonly socket: Socket
  readonly #joined = new Set<string>()
  readonly #rooms: number

  constructor(url: string, rooms: number) {
    this.#rooms = rooms
    const options = { longPollFallbackMs: FALLBACK_MS, sessionStorage: new Storage() }
    const transport = WebSocket as unknown as typeof globalThis.WebSocket
    this.socket = new Socket(url, { transport, ...options })
    this.socket.onOpen(() => {
      this.returns += 1
    })
    this.socket.onClose(() => this.#joined.clear())
    this.socket.connect()
    for (let room = 0; room < rooms; room += 1) {
      this.#join(`room:${room}`)
    }
  }

  get isHere(): boolean {
    return this.#joined.size === this.#rooms
  }

  get hasFallenBack(): boolean {
    return insideOf(this.socket).transport !== WebSocket
  }

  drop(): void {
    insideOf(this.socket).conn.terminate()
  }

  #join(topic: string): void {
    const channel = this.socket.channel(topic, {})
    channel
      .join()
      // Again with every rejoin.
      .receive('ok', () => this.#joined.add(topic))
      .receive('error', () => {
        refusedJoins += 1
      })
  }
}

/** Members of the client that its types do not declare. */
function insideOf(socket: Socket): { transport: unknown; conn: WebSocket } {
  return socket as never
}

/** Storage of a browser's tab. */
class Storage {
  readonly #values = new Map<string, string>()
  getItem(key: string): string | null {
    return this.#values.get(key) ?? null
  }
  setItem(key: string, value: string): void {
    this.#values.set(key, value)
  }
}

const raw: Raw[] = []
const official: Official[] = []
let returns = 0

async function obey(command: Command): Promise<Answer> {
  if (command.do === 'connect') {
    const url = `${command.base.replace('http', 'ws')}/socket`
    for (let n = 0; n < command.raw; n += 1) raw.push(new Raw(url, command.rooms))
    for (let n = 0; n < command.official; n += 1) official.push(new Official(url, command.rooms))
  }
  const clients = [...raw, ...official]
  if (command.do === 'return') {
    returns += 1
    for (const client of clients) client.drop()
  }
  if (command.do === 'watch') await sleep(command.ms)
  const here = () => clients.filter((client) => client.isHere && client.returns >= returns).length
  const deadline = Date.now() + PATIENCE_MS
  while (here() < clients.length && Date.now() < deadline) await sleep(20)
  const fallenBack = official.filter(({ hasFallenBack }) => hasFallenBack).length
  return { joined: here(), refusedUpgrades, refusedJoins, fallenBack, at: Date.now() }
}

process.on('message', (command: Command) => void obey(command).then((answer) => process.send?.(answer)))
