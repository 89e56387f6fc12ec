import cluster from 'node:cluster'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { mergeMetrics, shareMetrics } from '../../../server/metrics/cluster.ts'

/** Requests of the test to the primary; `id` is a worker's. */
export type Order =
  | { readonly order: 'fork' }
  | {
      readonly order: 'count' | 'read' | 'break' | 'mend' | 'kill' | 'stop' | 'continue'
      readonly id: number
    }

if (cluster.isPrimary) lead()
else work()

/** Start worker processes, and pass on what the test asks of them. */
function lead(): void {
  mergeMetrics()
  const tell = (message: object) => process.send?.(message)
  process.on('message', (given: Order) => {
    if (given.order === 'fork') {
      const worker = cluster.fork()
      worker.once('message', () => tell({ id: worker.id }))
      return
    }
    const worker = cluster.workers?.[given.id]
    const signals = { kill: 'SIGKILL', stop: 'SIGSTOP', continue: 'SIGCONT' } as const
    if (!(given.order in signals)) {
      worker?.on('message', function answered(message: object) {
        if (!('told' in message)) return
        worker.off('message', answered)
        tell(message)
      })
      worker?.send(given)
    } else {
      worker?.process.kill(signals[given.order as keyof typeof signals])
      if (given.order === 'kill') worker?.once('exit', () => tell({}))
      else tell({})
    }
  })
}

/** Have figures of every kind; those of the gauges are the process's number. */
function work(): void {
  const registry = new Registry()
  const registers = [registry]
  const id = cluster.worker?.id ?? 0
  const counter = new Counter({ name: 'counted_total', help: 'h', labelNames: ['kind'], registers })
  const histogram = new Histogram({ name: 'sized', help: 'h', buckets: [1], registers })
  let isBroken = false
  const collect = () => {
    if (isBroken) throw new Error('no figures')
  }
  new Gauge({ name: 'summed', help: 'h', registers, collect }).set(id)
  new Gauge({ name: 'largest', help: 'h', aggregator: 'max', registers }).set(id)
  new Gauge({ name: 'smallest', help: 'h', aggregator: 'min', registers }).set(id)
  const shared = shareMetrics(registry)
  const obey = async ({ order }: Order): Promise<void> => {
    if (order === 'count') {
      counter.inc({ kind: 'a' })
      histogram.observe(id)
      process.send?.({ told: '' })
    } else if (order === 'read') process.send?.({ told: await shared.metrics().catch(String) })
    else if (order === 'break' || order === 'mend') {
      isBroken = order === 'break'
      process.send?.({ told: '' })
    }
  }
  process.on('message', (order: Order) => void obey(order))
  process.send?.({ ready: true })
}
