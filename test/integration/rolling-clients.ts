// A process of official clients for rolling-restart.test.ts, which commands it.
import { type Channel, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { signedIn } from '../helpers/tokens.ts'

/** Commands of the test. Each is answered when it is done. */
export type Command =
  /** Clients `first`, `first + 1`, … join their rooms, and each hears itself there. */
  | { do: 'join'; base: string; first: number; count: number; rooms: number }
  /** At least so many clients have lost their connection and joined again; each is there and heard itself. */
  | { do: 'rejoin'; least: number }
  /** Each speaks, and hears everybody in its room once. */
  | { do: 'speak'; members: number }

/** When all had come true, and what was not as it should be. */
export type Answer = { at: number; joinErrors: number; doubled: number; lost: number }

/** Long enough for the worst of days; the test has a limit of its own. */
const PATIENCE_MS = 45_000

class Guest {
  readonly id: number
  readonly socket: Socket
  readonly #channel: Channel
  readonly heard = new Map<string, number>()
  joins = 0
  /** Number of joins after which a command was answered. */
  known = 0
  joinErrors = 0

  constructor({ base, first, rooms }: { base: string; first: number; rooms: number }, n: number) {
    this.id = first + n
    const transport = WebSocket as unknown as typeof globalThis.WebSocket
    this.socket = new Socket(`${base.replace('http', 'ws')}/socket`, { transport, params: signedIn() })
    this.#channel = this.socket.channel(`room:r${this.id % rooms}`, {})
    this.#channel.on('new_msg', ({ body }) => void this.heard.set(body, (this.heard.get(body) ?? 0) + 1))
    this.socket.connect()
    this.#channel
      .join()
      // Again with every rejoin.
      .receive('ok', () => {
        this.joins += 1
        this.say(`${this.id} is here for the ${this.joins}th time`)
      })
      .receive('error', () => {
        this.joinErrors += 1
      })
  }

  say(body: string): void {
    this.#channel.push('new_msg', { body })
  }

  /** It is there, and what it said when it came has come back. */
  get isHere(): boolean {
    const said = `${this.id} is here for the ${this.joins}th time`
    return this.socket.isConnected() && this.#channel.state === 'joined' && this.heard.has(said)
  }

  get speeches(): number[] {
    return [...this.heard].filter(([body]) => body.startsWith('speech')).map(([, times]) => times)
  }
}

const guests: Guest[] = []

async function obey(command: Command): Promise<Answer> {
  let lost = 0
  if (command.do === 'join') {
    for (let n = 0; n < command.count; n += 1) guests.push(new Guest(command, n))
    await all(({ isHere }) => isHere)
  } else if (command.do === 'rejoin') {
    const isBack = ({ joins, known }: Guest) => joins > known
    await all(({ isHere }) => isHere && guests.filter(isBack).length >= command.least)
    if (guests.filter(isBack).length < command.least) lost += 1
  } else {
    for (const guest of guests) guest.say(`speech of ${guest.id}`)
    await all(({ speeches }) => speeches.length === command.members)
    for (const { speeches } of guests) lost += command.members - speeches.length
  }
  for (const guest of guests) guest.known = guest.joins
  const doubled = guests.flatMap(({ speeches }) => speeches).filter((times) => times !== 1).length
  const joinErrors = guests.reduce((sum, guest) => sum + guest.joinErrors, 0)
  const absent = guests.filter(({ isHere }) => !isHere).length
  return { at: Date.now(), joinErrors, doubled, lost: lost + absent }
}

/** Wait until the condition holds for all, or patience ends. */
async function all(condition: (guest: Guest) => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!guests.every(condition) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

process.on('message', (command: Command) => void obey(command).then((answer) => process.send?.(answer)))
