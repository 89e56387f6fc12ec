import { boolean, list, object, oneOf, type Rules, rule } from '../../protocol/check.ts'
import { contractRule } from '../../protocol/contract.ts'
import type { Contract } from '../../protocol/index.ts'
import type { Engine } from '../engine/engine.ts'
import { type Limits, limitsRule } from '../limits/config.ts'
import { presenceDefinition } from '../presence/define-presence.ts'
import type { PresenceHost } from '../presence/tracked.ts'
import { logger } from '../telemetry/guarded-logger.ts'
import type { OnGap } from './gap.ts'

/** Where an endpoint writes what an operator should know; Fastify's logger fits. */
export type Logger = {
  error(details: object, message: string): void
  warn(details: object, message: string): void
  info(details: object, message: string): void
}

/** What an endpoint is made with. */
export type EndpointOptions = {
  /** Connects this node to other nodes. Default: a `LocalEngine`, for a single node. */
  readonly engine?: Engine
  /** Presences that this node follows from its start; required with other nodes. Default: none. */
  readonly presences?: readonly { open(host: PresenceHost): void }[]
  /**
   * Contracts whose topics have a history, beside those of the mounted sockets: for nodes that publish to them, and
   * mount none. Default: none.
   */
  readonly histories?: readonly Contract[]
  /** Limits on clients and on the process; those not given keep their default. Default: `{}`. */
  readonly limits?: Partial<Limits>
  /**
   * Whether channels that may have missed broadcasts of other nodes continue, or end so that clients rejoin.
   * Default: `'continue'`.
   */
  readonly onGap?: OnGap
  /**
   * Milliseconds after which a channel's callback whose promise is still pending is written to the log, once, as a
   * warning. Infinity = never.
   * Default: 5,000.
   */
  readonly handlerWarnAfter?: number
  /**
   * Compare replies, pushes and broadcasts with the contracts of their channels, and write mismatches to the log as
   * warnings. Default: on if `NODE_ENV` is `development` or `test`, otherwise off, where it costs nothing.
   */
  readonly checkOutgoing?: boolean
  /** Default: nothing is written. */
  readonly logger?: Logger
}

const engine = rule(
  'an engine, such as new RedisEngine({ … })',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['adapter', 'nodes', 'openPresence'].every((key) => key in value),
)

/** The rules of the options that the plugin `phoenix` takes too. */
export const endpointRules: Rules<Omit<EndpointOptions, 'logger'>> = {
  engine,
  presences: list(presenceDefinition),
  histories: list(contractRule),
  limits: limitsRule,
  onGap: oneOf('continue', 'rejoin'),
  handlerWarnAfter: rule(
    'a number of milliseconds above 0',
    (value) => typeof value === 'number' && value > 0,
  ),
  checkOutgoing: boolean,
}
/** The options of an endpoint. */
export const endpointOptions = object<EndpointOptions>({
  ...endpointRules,
  logger: logger('error', 'warn', 'info'),
})
