import { boolean, list, nonEmptyString, object, oneOf, type Rules, rule } from '../../protocol/check.ts'
import { contractRule } from '../../protocol/contract.ts'
import type { Contract } from '../../protocol/index.ts'
import type { Engine } from '../engine/engine.ts'
import { type Limits, limitsRule } from '../limits/config.ts'
import { presenceDefinition } from '../presence/define-presence.ts'
import type { PresenceHost } from '../presence/tracked.ts'
import { logger } from '../telemetry/guarded-logger.ts'
import type { OnGap } from './gap.ts'

/** Logger of an endpoint, for example Fastify's. */
export type Logger = {
  error(details: object, message: string): void
  warn(details: object, message: string): void
  info(details: object, message: string): void
}

/** Options of an endpoint. The plugin `phoenix`, which creates the endpoint, accepts all options except `logger`. */
export type EndpointOptions = {
  /** Engine that connects this node to other nodes. Default: a `LocalEngine`, for a single node. */
  readonly engine?: Engine
  /**
   * Presences (results of `definePresence`) that this node shares with other nodes. If there are other nodes, list all
   * presences here. Default: none.
   */
  readonly presences?: readonly { open(host: PresenceHost): void }[]
  /**
   * Contracts that have a history but no channel on this node. List a contract here if this node publishes to the
   * contract's topics or reads the histories of these topics. Default: none.
   */
  readonly histories?: readonly Contract[]
  /**
   * Path of the file in which the endpoint saves its histories when it stops. At the next start, the endpoint loads and
   * removes the file. Only the user that runs the process can read the file. The option is valid only with a
   * `LocalEngine` (the default) and without worker processes. Default: histories end with the process.
   */
  readonly historyFile?: string
  /** Limits on clients and the process, merged into the default limits. Default: `{}`. */
  readonly limits?: Partial<Limits>
  /**
   * Reaction if this node may have missed broadcasts of other nodes. `'continue'` leaves the channels of the
   * affected topics open. `'rejoin'` ends these channels, so that their clients rejoin. Default: `'continue'`.
   */
  readonly onGap?: OnGap
  /**
   * Milliseconds after which a pending callback of a channel is logged once as a warning. `Infinity` disables the
   * warning. Default: 5,000.
   */
  readonly handlerWarnAfter?: number
  /**
   * Check replies, pushes and broadcasts against the contracts of their channels, and log mismatches as warnings. Joins
   * of topics without a channel are logged as warnings, too.
   * Default: on if `NODE_ENV` is `development` or `test`, otherwise off.
   */
  readonly checkOutgoing?: boolean
  /** Logger for warnings and errors. Default: nothing is logged. */
  readonly logger?: Logger
}

const engine = rule(
  'an object with `adapter`, `nodes` and `openPresence`, such as new RedisEngine({ … })',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['adapter', 'nodes', 'openPresence'].every((key) => key in value),
)

/** Rules for all options of an endpoint except `logger`, which the plugin `phoenix` does not accept. */
export const endpointRules: Rules<Omit<EndpointOptions, 'logger'>> = {
  engine,
  presences: list(presenceDefinition),
  histories: list(contractRule),
  historyFile: nonEmptyString,
  limits: limitsRule,
  onGap: oneOf('continue', 'rejoin'),
  handlerWarnAfter: rule(
    'a number of milliseconds above 0',
    (value) => typeof value === 'number' && value > 0,
  ),
  checkOutgoing: boolean,
}
/** Rule that checks the options of an endpoint. */
export const endpointOptions = object<EndpointOptions>({
  ...endpointRules,
  logger: logger('error', 'warn', 'info'),
})
