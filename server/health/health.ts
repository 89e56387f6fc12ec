import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { boolean, checkOption, nonNegative } from '../../protocol/check.ts'
import { isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { checkEndpoint } from '../errors.ts'
import { pluginOptions } from '../operator/plugin-options.ts'
// Imported only for the type of `config.whileDraining`.
import type {} from '../plugin.ts'
import { LoopDelayWindow } from './loop-delay-window.ts'

/** Endpoint of the health routes, and the conditions under which `/readyz` responds with 503. */
export type HealthOptions = {
  /** Endpoint whose state is reported. */
  readonly endpoint: Endpoint
  /**
   * Maximum event-loop delay in milliseconds, as a mean over one second. Above this delay, `/readyz` responds with 503.
   * 0 disables the check. Default: 500.
   */
  readonly maxLoopDelay?: number
  /** If true, `/readyz` responds with 503 while the other nodes cannot be reached. Default: false. */
  readonly readyRequiresEngine?: boolean
}

const healthOptions = pluginOptions<HealthOptions>({
  maxLoopDelay: nonNegative,
  readyRequiresEngine: boolean,
})

const PROBLEM_TYPE = 'application/problem+json'
const Degraded = Type.Array(Type.Literal('engine'), {
  description: 'Impaired parts of this node. The node can still serve its own clients.',
})
const Fault = Type.Optional(
  Type.String({ description: 'Error code, such as NOPERM, if Redis refuses what this node needs' }),
)
const reasons = ['starting', 'leaving', 'event_loop', 'engine'] as const

const Alive = Type.Object({ ok: Type.Literal(true) })
const Ready = Type.Object({ ready: Type.Literal(true), degraded: Degraded, fault: Fault })
const Unready = Type.Object({
  status: Type.Literal(503),
  code: Type.Literal('unavailable'),
  title: Type.String(),
  detail: Type.String(),
  reasons: Type.Array(Type.Enum([...reasons]), { description: 'Why no new clients should be sent here' }),
  degraded: Degraded,
  fault: Fault,
})
const unready = { description: 'Not ready', content: { [PROBLEM_TYPE]: { schema: Unready } } }

/** Probes get responses even while the server drains, and are not logged. */
const route = { logLevel: 'warn', config: { whileDraining: true } } as const

const alive = { summary: 'Is the process alive?', tags: ['health'], response: { 200: Alive } }
const ready = {
  summary: 'Can a load balancer send clients here?',
  tags: ['health'],
  response: { 200: Ready, 503: unready },
}

/**
 * Plugin with the probes of load balancers and process managers: `GET /healthz` and `GET /readyz`.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option, and with `PHX_ERR_NO_ENDPOINT` if the
 * endpoint is missing.
 */
export async function health(app: FastifyInstance, options: HealthOptions): Promise<void> {
  checkOption('health', options, healthOptions)
  const { endpoint, maxLoopDelay = 500, readyRequiresEngine = false } = options
  checkEndpoint('health', endpoint, isEndpoint)
  const loopDelay = new LoopDelayWindow()
  app.addHook('onClose', async () => loopDelay.stop())

  app.get('/healthz', { ...route, schema: alive }, () => ({ ok: true }))
  app.get('/readyz', { ...route, schema: ready }, (_request, reply) => {
    const { isDraining, isLeaving, engine } = endpoint
    const why = {
      starting: engine.state === 'connecting',
      leaving: isDraining || isLeaving,
      event_loop: maxLoopDelay > 0 && loopDelay.ms > maxLoopDelay,
      engine: readyRequiresEngine && engine.state === 'down',
    }
    const found = reasons.filter((reason) => why[reason])
    // By default, a node stays ready if its engine is down, because the node can still serve its own clients. If all
    // nodes were unready, no client would be served.
    const fault = engine.fault ?? undefined
    const degraded = engine.state === 'down' || fault !== undefined ? ['engine'] : []
    if (found.length === 0) return reply.send({ ready: true, degraded, fault })
    const detail = `Not ready: ${found.join(', ')}.`
    const problem = { status: 503, code: 'unavailable', title: 'Service Unavailable', detail }
    return reply
      .code(503)
      .type(PROBLEM_TYPE)
      .send({ ...problem, reasons: found, degraded, fault })
  })
}
