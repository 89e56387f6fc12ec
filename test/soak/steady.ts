// Process with the steady clients of a soak. The run sends it commands.
import { setTimeout as delay } from 'node:timers/promises'
import { type SteadyClient, type SteadyPlan, SteadyPoller, SteadySocket } from './steady-client.ts'

/** Commands of the run. The process answers each command when it is done. */
export type SteadyCommand =
  /** Answered by the number of clients that have joined. */
  | { do: 'join'; base: string; steady: number; pollers: number; rooms: number }
  /** The first client of each room sends a number every `everyMs` milliseconds. */
  | { do: 'talk'; everyMs: number }
  /** Answered by the number of messages in each room, when all clients have received them or the time is over. */
  | { do: 'hush' }
  | { do: 'record' }
  | { do: 'leave' }

/** Number of clients that connect at once. */
const GROUP = 20
/** Milliseconds between two groups, in which the server admits the previous group. */
const GROUP_MS = 25
/** Number of addresses of the clients, because a single address may not connect so often. */
const ADDRESSES = 50
const HEARTBEAT_MS = 20_000
/** Milliseconds within which the last messages arrive. */
const DRAIN_MS = 5_000
const LOOK_MS = 20

let clients: readonly SteadyClient[] = []
let speakers: readonly SteadyClient[] = []
let said = 0
const timers: NodeJS.Timeout[] = []

async function obey(command: SteadyCommand): Promise<unknown> {
  switch (command.do) {
    case 'join':
      return join(command)
    case 'talk':
      return talk(command.everyMs)
    case 'hush':
      return hush()
    case 'record':
      return clients.map(({ record }) => record)
    case 'leave':
      await Promise.all(clients.map((client) => client.leave()))
      return null
  }
}

async function join(command: Extract<SteadyCommand, { do: 'join' }>): Promise<number> {
  const { base, steady, pollers, rooms } = command
  clients = Array.from({ length: steady }, (_, n) => {
    const isPoller = n >= steady - pollers
    const [via, from] = [isPoller ? 'longpoll' : 'websocket', `10.1.0.${n % ADDRESSES}`] as const
    const plan: SteadyPlan = { id: `s${n}`, room: `room:${n % rooms}`, via, base, from }
    return isPoller ? new SteadyPoller(plan) : new SteadySocket(plan)
  })
  speakers = clients.slice(0, rooms)
  said = 0
  const joined: Promise<void>[] = []
  for (let n = 0; n < steady; n += GROUP) {
    joined.push(...clients.slice(n, n + GROUP).map((client) => client.join()))
    await delay(GROUP_MS)
  }
  await Promise.all(joined)
  return clients.filter(({ record }) => record.endedWith === null).length
}

function talk(everyMs: number): null {
  let next = 0
  const begun = performance.now()
  const speak = () => {
    // Compute the number of due messages from the clock, because short timers are late on a busy machine.
    const due = ((performance.now() - begun) / everyMs) * speakers.length
    for (; next < due; next += 1)
      speakers[next % speakers.length]?.say(Math.floor(next / speakers.length) + 1)
    said = next
  }
  const beat = () => {
    for (const client of clients) client.beat()
  }
  timers.push(setInterval(speak, everyMs / speakers.length), setInterval(beat, HEARTBEAT_MS))
  return null
}

async function hush(): Promise<Record<string, number>> {
  for (const timer of timers.splice(0)) clearInterval(timer)
  const count = speakers.length
  const counts = speakers.map(({ plan }, index) => [plan.room, Math.ceil((said - index) / count)] as const)
  const last = new Map(counts)
  const deadline = Date.now() + DRAIN_MS
  const late = () => clients.some(({ plan, latest }) => latest < (last.get(plan.room) ?? 0))
  while (late() && Date.now() < deadline) await delay(LOOK_MS)
  return Object.fromEntries(counts)
}

process.on('message', (command: SteadyCommand) => {
  void obey(command).then((answer) => process.send?.({ answer }))
})
