// A process with the steady clients of a soak, which commands it.
import { setTimeout as delay } from 'node:timers/promises'
import { type SteadyClient, type SteadyPlan, SteadyPoller, SteadySocket } from './steady-client.ts'

/** Commands of the run. Each is answered when it is done. */
export type SteadyCommand =
  /** Answered by how many have joined. */
  | { do: 'join'; base: string; steady: number; pollers: number; rooms: number }
  /** The first client of each room says a number every so many milliseconds. */
  | { do: 'talk'; everyMs: number }
  /** Answered by how many were said in each room, when all have heard them or had the time for it. */
  | { do: 'hush' }
  | { do: 'record' }
  | { do: 'leave' }

/** Clients that connect at once, at intervals: the other ones are admitted meanwhile. */
const GROUP = 20
const GROUP_MS = 25
/** From so many addresses, as no single one may connect so often. */
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
    // By the clock, because a timer of few milliseconds is late on a busy machine.
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
