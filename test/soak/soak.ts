import { setTimeout as delay } from 'node:timers/promises'
import { type Exit, OwnProcess } from '../helpers/own-process.ts'
import { readMetrics } from '../helpers/read-metrics.ts'
import type { Counts } from '../load/counts.ts'
import type { Churn } from './churn.ts'
import type { CrowdCommand } from './crowd.ts'
import { differences } from './judge-soak.ts'
import { WINDOW_MS } from './limits.ts'
import type { Metrics, Run, Rush, Sample, SteadyRecord } from './records.ts'
import type { ServerCommand } from './server.ts'
import type { Size } from './size.ts'
import type { SteadyCommand } from './steady.ts'

/** Part of a round in which guests come. In the rest of the round, the server drops the clients that have vanished. */
const RUSH_PART = 0.65
/** Milliseconds within which the last vanished poller is dropped and all other resources are released. */
const REST_MS = 1.5 * WINDOW_MS + 3_000
const LOOK_MS = 100
/**
 * Milliseconds to wait before handles are counted, because a timer of `node:http` stops one second after the last
 * request.
 */
const STILL_MS = 1_200
const WARM_UP = { guests: 1_000, perSecond: 250 }

/** Deliveries to the steady clients during the siege, and how the server stopped. */
export type Siege = Pick<Run, 'said' | 'steady'> & { readonly exit: Exit; readonly stopMs: number }

/** Server, steady clients and crowd of a run. Each is a separate process that ends with the test. */
export class Soak {
  readonly #size: Size
  readonly #server: OwnProcess
  readonly #steady: OwnProcess
  readonly #crowd: OwnProcess
  readonly #begun: number
  #base: string

  constructor(size: Size, scripts: string) {
    this.#size = size
    this.#server = new OwnProcess(
      `${scripts}/server.js`,
      { STEADY: String(size.steady) },
      { flags: size.flags },
    )
    this.#steady = new OwnProcess(`${scripts}/steady.js`)
    this.#crowd = new OwnProcess(`${scripts}/crowd.js`)
    this.#begun = Date.now()
    this.#base = ''
  }

  async run(): Promise<Run> {
    this.#base = await this.#ask<string>({ do: 'listen' })
    const start = await this.#warmUp()
    const before = await this.#metrics()
    await this.#gather(this.#size.steady)
    await this.#tell({ do: 'talk', everyMs: this.#size.everyMs })
    const { samples, rushes } = await this.#load()
    const said = await this.#tell<Record<string, number>>({ do: 'hush' })
    const steady = await this.#tell<SteadyRecord[]>({ do: 'record' })
    const after = await this.#metrics()
    await this.#tell({ do: 'leave' })
    const end = await this.#rest()
    return { said, steady, samples, rushes, start, end, metrics: { before, after } }
  }

  /** Commit all offences at once while steady clients talk. Then stop the server, while the offences continue. */
  async siege(): Promise<Siege> {
    const { besieged, everyMs, rooms, siegeMs } = this.#size
    await this.#gather(besieged)
    await this.#tell({ do: 'talk', everyMs })
    const command: CrowdCommand = { do: 'siege', base: this.#base, rooms, seed: 0 }
    this.#crowd.child.send(command)
    await delay(siegeMs)
    const said = await this.#tell<Record<string, number>>({ do: 'hush' })
    const steady = await this.#tell<SteadyRecord[]>({ do: 'record' })
    const begun = performance.now()
    this.#server.child.kill('SIGTERM')
    const exit = await this.#server.exited
    const stopMs = performance.now() - begun
    this.#log(`stopped under siege in ${(stopMs / 1_000).toFixed(1)} s`)
    return { said, steady, exit, stopMs }
  }

  /**
   * Let all kinds of clients come and go, and commit all offences. Resources that are held afterwards may also be held
   * at the end.
   */
  async #warmUp(): Promise<Counts> {
    await this.#gather(this.#size.rooms + this.#size.pollers)
    await this.#tell({ do: 'talk', everyMs: this.#size.everyMs })
    // Ignore the complaints: with so few steady clients, some offences do not reach their limit.
    await this.#rush(0, WARM_UP)
    await this.#tell({ do: 'hush' })
    await this.#tell({ do: 'leave' })
    return this.#rest()
  }

  async #load(): Promise<Pick<Run, 'samples' | 'rushes'>> {
    const { rounds, roundMs, churn } = this.#size
    const guests = (churn * roundMs) / 1_000
    const begun = Date.now()
    const samples = [await this.#sample(begun)]
    const rushes: Rush[] = []
    const [{ counts } = { counts: {} }] = samples
    for (let round = 1; round <= rounds; round += 1) {
      const rush = await this.#rush(round, { guests, perSecond: churn / RUSH_PART })
      rushes.push(rush)
      await this.#until(counts)
      await delay(begun + round * roundMs - Date.now())
      samples.push(await this.#sample(begun))
      const seconds = (rush.tookMs / 1_000).toFixed(1)
      const complaints = [`${rush.complaints.length} complaints`, ...rush.complaints.slice(0, 1)].join(': ')
      this.#log(`round ${round} of ${rounds} took ${seconds} s, ${complaints}`)
    }
    return { samples, rushes }
  }

  /** Let the steady clients join. @throws Error when some could not join. */
  async #gather(steady: number): Promise<void> {
    const { pollers, rooms } = this.#size
    const joined = await this.#tell<number>({ do: 'join', base: this.#base, steady, pollers, rooms })
    if (joined < steady) throw new Error(`${joined} of ${steady} steady clients have joined`)
    this.#log(`${joined} clients have joined`)
  }

  async #rush(seed: number, guests: Churn): Promise<Rush> {
    const { rooms } = this.#size
    const command: CrowdCommand = { do: 'rush', base: this.#base, rooms, seed, ...guests }
    return answerOf(await this.#crowd.ask(command))
  }

  async #sample(begun: number): Promise<Sample> {
    const sample = await this.#ask<Omit<Sample, 'at'>>({ do: 'sample' })
    return { at: Date.now() - begun, ...sample }
  }

  async #metrics(): Promise<Metrics> {
    return readMetrics(await this.#ask<string>({ do: 'metrics' }))
  }

  /** Wait until the endpoint holds exactly these resources, or the time is over. */
  async #until(counts: Counts): Promise<void> {
    const deadline = Date.now() + REST_MS
    while (differences(counts, await this.#ask({ do: 'count' })).length > 0 && Date.now() < deadline) {
      await delay(LOOK_MS)
    }
  }

  /**
   * Wait until the resources of all clients are released, or the time is over. Resolves with the resources that are
   * still held.
   */
  async #rest(): Promise<Counts> {
    const counts = await this.#ask<Counts>({ do: 'count' })
    const none = Object.fromEntries(Object.keys(counts).map((name) => [name, 0]))
    await this.#until(none)
    await delay(STILL_MS)
    const held = await this.#ask<Counts>({ do: 'handles' })
    const objects = await this.#ask<Counts>({ do: 'objects' })
    this.#log('at rest')
    return { ...held, ...objects }
  }

  async #ask<T>(command: ServerCommand): Promise<T> {
    return answerOf(await this.#server.ask(command))
  }

  async #tell<T>(command: SteadyCommand): Promise<T> {
    return answerOf(await this.#steady.ask(command))
  }

  #log(text: string): void {
    process.stdout.write(`${((Date.now() - this.#begun) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)
  }
}

/** Read the answer from a message of a process. */
function answerOf<T>(message: unknown): T {
  return (message as { answer: T }).answer
}
