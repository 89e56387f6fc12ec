import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { PROBLEM_TYPE, Problem, problem } from '../errors.ts'
import type { LoopDelay } from '../loop-delay.ts'
import type { Settings } from '../settings.ts'

/** What readiness depends on, beside the endpoint and the event loop. */
export type HealthOptions = Pick<Settings, 'maxLoopDelayMs' | 'readyRequiresEngine'> & {
  /** True from the moment at which the process is asked to end. */
  readonly isLeaving: () => boolean
  readonly loopDelay: LoopDelay
}

const Degraded = Type.Array(Type.Literal('engine'), {
  description: 'Parts that are unavailable while clients are still served',
})
const Fault = Type.Optional(
  Type.String({ description: 'Error code with which Redis refuses commands of the engine, such as NOPERM' }),
)
const reasons = ['starting', 'leaving', 'event_loop', 'engine'] as const

const Alive = Type.Object({ ok: Type.Literal(true) })
const Ready = Type.Object({ ready: Type.Literal(true), degraded: Degraded, fault: Fault })
const Unready = Type.Object({
  ...Problem.properties,
  reasons: Type.Array(Type.Enum([...reasons]), {
    description: 'Reasons why the process cannot take clients',
  }),
  degraded: Degraded,
  fault: Fault,
})
const unready = { description: 'Not ready', content: { [PROBLEM_TYPE]: { schema: Unready } } }

/** Probes come every few seconds, to the end: they are answered while draining, and not logged. */
const route = { logLevel: 'warn', config: { whileDraining: true, anyHost: true } } as const

const alive = { summary: 'Liveness probe', tags: ['health'], response: { 200: Alive } }
const ready = {
  summary: 'Readiness probe',
  tags: ['health'],
  response: { 200: Ready, 503: unready },
}

/** What load balancers and supervisors of processes ask. */
export async function healthRoutes(app: FastifyInstance, options: HealthOptions): Promise<void> {
  app.get('/healthz', { ...route, schema: alive }, () => ({ ok: true }))
  app.get('/readyz', { ...route, schema: ready }, (_request, reply) => {
    const { isDraining, engine } = app.endpoint
    const why = {
      starting: engine.state === 'connecting',
      leaving: isDraining || options.isLeaving(),
      event_loop: options.maxLoopDelayMs > 0 && options.loopDelay.ms > options.maxLoopDelayMs,
      engine: options.readyRequiresEngine && engine.state === 'down',
    }
    const found = reasons.filter((reason) => why[reason])
    // Clients go on to talk to those on the same node: if all nodes were red, nobody would be served.
    const fault = engine.fault ?? undefined
    const degraded = engine.state === 'down' || fault !== undefined ? ['engine'] : []
    if (found.length === 0) return reply.send({ ready: true, degraded, fault })
    const body = { ...problem(503, `Not ready: ${found.join(', ')}.`), reasons: found, degraded, fault }
    return reply.code(503).type(PROBLEM_TYPE).send(body)
  })
}
