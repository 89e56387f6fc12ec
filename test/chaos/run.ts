import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import type { Crowd } from './crowd.ts'
import type { Disaster } from './disasters.ts'
import { judgeViews } from './judge-chaos.ts'
import { surplus } from './judge-held.ts'
import type { ClientRecord, Fault, Held, HeldRecord, Run, ViewRecord } from './records.ts'
import type { Size } from './size.ts'
import { AFTER_RECOVERY_MS } from './windows.ts'

/**
 * Milliseconds within which resources are released, in addition to the times of long-poll sessions and subscriptions.
 */
const REST_MS = 10_000
const LOOK_MS = 100
/** Milliseconds within which the last confirmed messages arrive. */
const DRAIN_MS = 3_000
/** Milliseconds for which resources are counted at rest: longer than the heartbeat of a small run. */
const WATCH_MS = 1_500
/** Milliseconds of traffic in the warm-up, in which every kind of resource is used once. */
const WARM_UP_MS = 1_500

/** Plays disasters on a cluster with clients, and records the results. */
export class ChaosRun {
  readonly #size: Size
  readonly #cluster: Cluster
  readonly #crowd: Crowd
  readonly #begun: number
  #start: ReadonlyMap<string, Held>

  constructor(size: Size, cluster: Cluster, crowd: Crowd) {
    this.#size = size
    this.#cluster = cluster
    this.#crowd = crowd
    this.#begun = Date.now()
    this.#start = new Map()
  }

  async play(disasters: readonly Disaster[]): Promise<Run> {
    const { from, to, faults } = await this.#traffic(disasters)
    const clients = await this.#crowd.records()
    const views = await this.#views(clients)
    await this.#crowd.leave()
    const end = await this.#rest(this.#start)
    const held = Array.from(
      this.#start,
      ([of, held]): HeldRecord => ({ of, start: held, end: end.get(of) ?? held }),
    )
    return { from, to, faults, clients, views, held }
  }

  /** Let all clients join, send messages and leave. Resources that are held afterwards may also be held at the end. */
  async warmUp(): Promise<void> {
    await this.#look(this.#size.recoveryMs, () => this.#cluster.missing([], []))
    const cold = await this.#cluster.held()
    await this.#gather()
    await this.#crowd.talk(WARM_UP_MS / 2, this.#size.burst)
    await delay(WARM_UP_MS)
    await this.#crowd.hush()
    await this.#crowd.leave()
    await this.#rest(cold)
    this.#start = await this.#watch()
  }

  /** Let all clients send messages all the time, while the disasters happen one after the other. */
  async #traffic(disasters: readonly Disaster[]): Promise<Pick<Run, 'from' | 'to' | 'faults'>> {
    const { quietMs, trafficMs, everyMs, burst } = this.#size
    await this.#gather()
    const from = Date.now()
    const faults: Fault[] = []
    this.#log('traffic begins')
    await this.#crowd.talk(everyMs, burst)
    await delay(quietMs)
    for (const disaster of disasters) {
      faults.push(await this.#suffer(disaster))
      await delay(AFTER_RECOVERY_MS + quietMs)
    }
    await delay(from + trafficMs - Date.now())
    await this.#crowd.hush()
    await delay(DRAIN_MS)
    this.#log('traffic has ended')
    return { from, to: Date.now(), faults }
  }

  async #suffer({ name, takes, awayMs, strike, repair }: Disaster): Promise<Fault> {
    const at = Date.now()
    this.#log(name)
    await strike()
    await delay(awayMs)
    await repair()
    this.#log(`${name}: repaired`)
    const stuck = await this.#gathered()
    const recoveredAt = stuck.length === 0 ? Date.now() : null
    const outcome =
      recoveredAt === null ? `missing ${stuck.join(', ')}` : `all are back after ${recoveredAt - at} ms`
    this.#log(`${name}: ${outcome}`)
    return { name, takes, at, recoveredAt, stuck }
  }

  /** Let all clients join. @throws Error when some have not joined in time. */
  async #gather(): Promise<void> {
    await this.#crowd.join()
    const missing = await this.#gathered()
    if (missing.length > 0) throw new Error(`they never came: ${missing.join(', ')}`)
  }

  /**
   * Wait until the cluster is complete and all clients are joined. Resolves with the nodes and clients that are still
   * missing when the time is over.
   */
  #gathered(): Promise<string[]> {
    return this.#look(this.#size.recoveryMs, async () =>
      this.#cluster.missing(this.#crowd.ids, await this.#crowd.stays()),
    )
  }

  /** Read the presence lists of all nodes and clients. Resolves when all are correct, or when the time is over. */
  async #views(clients: readonly ClientRecord[]): Promise<ViewRecord[]> {
    const begun = Date.now()
    let views: ViewRecord[] = []
    const findings = await this.#look(2 * this.#size.leaseMs + DRAIN_MS, async () => {
      views = [...(await this.#cluster.views(this.#crowd.rooms)), ...(await this.#crowd.views())]
      return judgeViews({ clients, views })
    })
    this.#log(`${findings.length} of ${views.length} presence lists differ after ${Date.now() - begun} ms`)
    return views
  }

  /** Wait until the resources are released, or the time is over. Resolves with the resources that are still held. */
  async #rest(before: ReadonlyMap<string, Held>): Promise<Map<string, Held>> {
    let held = new Map<string, Held>()
    const { windowMs, lingerMs } = this.#size
    const rest = await this.#look(1.5 * windowMs + lingerMs + REST_MS, async () => {
      held = await this.#cluster.held()
      return Array.from(before, ([of, one]) => surplus(one, held.get(of) ?? one)).flat()
    })
    this.#log(`at rest${rest.length > 0 ? `, but for ${rest.join(', ')}` : ''}`)
    return held
  }

  /** Return the maximum of each resource that is held at rest, because the number of timers varies. */
  async #watch(): Promise<Map<string, Held>> {
    const most = new Map<string, Held>()
    await this.#look(WATCH_MS, async () => {
      for (const [of, held] of await this.#cluster.held()) most.set(of, larger(most.get(of) ?? held, held))
      return ['it goes on']
    })
    return most
  }

  /** Repeat `find` until it finds nothing, for at most `forMs`. Resolves with its latest findings. */
  async #look<T>(forMs: number, find: () => Promise<T[]>): Promise<T[]> {
    const deadline = Date.now() + forMs
    let found = await find()
    while (found.length > 0 && Date.now() < deadline) {
      await delay(LOOK_MS)
      found = await find()
    }
    return found
  }

  #log(text: string): void {
    process.stdout.write(`${((Date.now() - this.#begun) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)
  }
}

function larger(one: Held, other: Held): Held {
  const counts = { ...one.counts }
  for (const [what, count] of Object.entries(other.counts)) counts[what] = Math.max(count, counts[what] ?? 0)
  return { heapBytes: Math.max(one.heapBytes, other.heapBytes), counts }
}
