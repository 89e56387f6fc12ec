import { object, type Rules, withDefaults } from '../../protocol/check.ts'
import { type Limits, limitRules, resolveLimits } from '../limits/config.ts'
import { defaultFilter } from '../telemetry/filter-parameters.ts'
import { type SocketRates, socketRates } from './rate.ts'

/** The limits that hold for one connection, so that each mount may set its own. */
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

/** The limits of one connection; the others are those of an address or of the process. */
export type ConnectionLimits = Pick<Limits, (typeof OF_A_CONNECTION)[number]>

/** Options that both the plugin and a mount take; those of the mount win, name by name. */
export type SettingsOptions<L> = {
  readonly limits?: Partial<L> | undefined
  readonly filterParameters?: readonly string[] | undefined
}

/** What a mount sets for its connections. */
export type ConnectionSettings = {
  readonly limits: Limits
  readonly rates: SocketRates
  /** Parameters whose key contains one of these are not logged. */
  readonly filterParameters: readonly string[]
}

const rules = Object.fromEntries(OF_A_CONNECTION.map((name) => [name, limitRules[name]]))
const ofThePlugin = Object.keys(limitRules).map((name) => [name, 'only the plugin can set it'] as const)

/** The option `limits` of a mount. */
export const connectionLimits = object<ConnectionLimits>(
  // The keys are those of the type.
  rules as Rules<ConnectionLimits>,
  [],
  Object.fromEntries(ofThePlugin),
)

/** Lay the options of a mount, which its rules have checked, over the plugin's. */
export function resolveSettings(
  own: SettingsOptions<ConnectionLimits>,
  plugin: SettingsOptions<Limits>,
): ConnectionSettings {
  const limits = resolveLimits(withDefaults<Partial<Limits>>(plugin.limits ?? {}, own.limits ?? {}))
  const filterParameters = own.filterParameters ?? plugin.filterParameters ?? defaultFilter
  return Object.freeze({ limits, rates: socketRates(limits), filterParameters })
}
