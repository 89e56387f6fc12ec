import { object, type Rules, withDefaults } from '../../protocol/check.ts'
import { type Limits, limitRules, resolveLimits } from '../limits/config.ts'
import { defaultFilter } from '../telemetry/filter-parameters.ts'
import { type SocketRates, socketRates } from './rate.ts'

/** Names of the limits of a single connection. Each mount can set these limits. */
const OF_A_CONNECTION = [
  'maxChannels',
  'maxTopicLength',
  'maxQueuedMessages',
  'maxQueuedBytes',
  'maxQueuedBroadcasts',
  'messageRate',
  'messageBurst',
  'messageBytes',
  'heartbeatRate',
  'heartbeatBurst',
  'joinRate',
  'joinBurst',
  'maxRefusals',
] as const satisfies readonly (keyof Limits)[]

/** Limits that each mount can set. All other limits can be set only in the plugin options. */
export type ConnectionLimits = Pick<Limits, (typeof OF_A_CONNECTION)[number]>

/** Options that the plugin and each mount accept. A limit of the mount overrides the same limit of the plugin. */
export type SettingsOptions<L> = {
  readonly limits?: Partial<L> | undefined
  readonly filterParameters?: readonly string[] | undefined
}

/** Settings of a mount's connections. */
export type ConnectionSettings = {
  readonly limits: Limits
  readonly rates: SocketRates
  /** Values of parameters whose key contains one of these words are not logged. */
  readonly filterParameters: readonly string[]
}

const connectionRules = Object.fromEntries(OF_A_CONNECTION.map((name) => [name, limitRules[name]]))
const ofThePlugin = Object.keys(limitRules).map(
  (name) => [name, 'a limit of the whole plugin: set it in the plugin options'] as const,
)

/** Rule that checks the option `limits` of a mount. */
export const connectionLimits = object<ConnectionLimits>(
  // The cast is safe: `connectionRules` has one rule for each key of `ConnectionLimits`.
  connectionRules as Rules<ConnectionLimits>,
  [],
  Object.fromEntries(ofThePlugin),
)

/** Merge the checked options of a mount into the plugin's options. */
export function resolveSettings(
  own: SettingsOptions<ConnectionLimits>,
  plugin: SettingsOptions<Limits>,
): ConnectionSettings {
  const limits = resolveLimits(withDefaults<Partial<Limits>>(plugin.limits ?? {}, own.limits ?? {}))
  const filterParameters = own.filterParameters ?? plugin.filterParameters ?? defaultFilter
  return Object.freeze({ limits, rates: socketRates(limits), filterParameters })
}
