// Process of official clients. A chaos run sends it commands.
import { Client, type ClientPlan } from './client.ts'

/** Commands of the run. The process answers each command when it is done. */
export type ClientsCommand =
  | { do: 'join'; plans: readonly ClientPlan[] }
  /** Each client sends `burst` messages every `everyMs` milliseconds. The clients take turns. */
  | { do: 'talk'; everyMs: number; burst: number }
  | { do: 'hush' }
  /** Answered by the current stays of joined clients: `id/number`. */
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
    // Compute the number of due messages from the clock, because short timers are late on a busy machine.
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
