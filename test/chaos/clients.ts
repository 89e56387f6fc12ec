// A process of official clients for a chaos run, which commands it.
import { Client, type ClientPlan } from './client.ts'

/** Commands of the run. Each is answered when it is done. */
export type ClientsCommand =
  | { do: 'join'; plans: readonly ClientPlan[] }
  /** Each client says `burst` things every so many milliseconds, in turn. */
  | { do: 'talk'; everyMs: number; burst: number }
  | { do: 'hush' }
  /** The stays that are joined now: `id/number`. */
  | { do: 'stays' }
  | { do: 'views' }
  | { do: 'record' }
  | { do: 'leave' }

let clients: Client[] = []
let talk: NodeJS.Timeout | undefined

async function obey(command: ClientsCommand): Promise<unknown> {
  switch (command.do) {
    case 'join':
      clients = command.plans.map((plan) => new Client(plan))
      for (const client of clients) client.join()
      return null
    case 'talk':
      return start(command.everyMs, command.burst)
    case 'hush':
      clearInterval(talk)
      return null
    case 'stays':
      return clients.flatMap(({ plan, stay }) => (stay === null ? [] : [`${plan.id}/${stay}`]))
    case 'views':
      return clients.map(({ plan, view }) => ({ of: `${plan.id} (${plan.via})`, room: plan.room, view }))
    case 'record':
      return clients.map(({ record }) => record)
    case 'leave':
      return leave()
  }
}

function start(everyMs: number, burst: number): null {
  let next = 0
  const begun = performance.now()
  talk = setInterval(() => {
    // By the clock, because a timer of few milliseconds is late on a busy machine.
    const due = ((performance.now() - begun) / everyMs) * clients.length
    for (; next < due; next += 1) {
      for (let times = 0; times < burst; times += 1) clients[next % clients.length]?.say()
    }
  }, everyMs / clients.length)
  return null
}

async function leave(): Promise<null> {
  await Promise.all(clients.map((client) => client.leave()))
  clients = []
  return null
}

process.on('message', (command: ClientsCommand) => {
  void obey(command).then((answer) => process.send?.({ answer }))
})
