import type { ClientPlan } from './client.ts'
import { Cluster } from './cluster.ts'
import { Crowd } from './crowd.ts'
import { disastersOf } from './disasters.ts'
import type { Run } from './records.ts'
import { ChaosRun } from './run.ts'
import type { Size } from './size.ts'

/** Options of a run. */
export type ChaosOptions = {
  readonly size: Size
  /** The folder with `node.js` and `clients.js`. */
  readonly scripts: string
  /** If true, one node makes errors, and no disasters happen. Default: false. */
  readonly errs?: boolean
}

/** Play a whole run. Its cluster and clients end with the test. */
export async function chaos({ size, scripts, errs = false }: ChaosOptions): Promise<Run> {
  const cluster = await Cluster.start(size, `${scripts}/node.js`)
  const crowd = new Crowd(`${scripts}/clients.js`, plansOf(size, cluster))
  const run = new ChaosRun(size, cluster, crowd)
  await run.warmUp()
  if (errs) await cluster.nodes[0]?.err()
  return run.play(errs ? [] : await disastersOf(size, cluster))
}

/** Plan the clients. A third of them poll through the proxy; the others connect to the nodes in turn. */
function plansOf({ clients, rooms }: Size, { nodes, proxy }: Cluster): ClientPlan[] {
  return Array.from({ length: clients }, (_, n) => {
    // Assign rooms and nodes to groups of three clients, so that every room has pollers and clients of every node.
    const three = Math.floor(n / 3)
    const isPolling = n % 3 === 2
    const base = isPolling ? proxy : (nodes[three % nodes.length]?.base ?? '')
    return { id: `c${n}`, room: `room:${three % rooms}`, via: isPolling ? 'longpoll' : 'websocket', base }
  })
}
