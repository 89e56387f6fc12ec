import { type Limits, resolveLimits } from '../config.ts'
import { UsageError, wordsOf } from '../errors.ts'
import { defaultFilter } from '../filter-parameters.ts'
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

/**
 * Lay the options of the mount at `path` over the plugin's.
 * @throws UsageError when a limit of the mount is illegal, unknown, or not one of a connection, or a word no text.
 */
export function resolveSettings(
  path: string,
  own: SettingsOptions<ConnectionLimits>,
  plugin: SettingsOptions<Limits>,
): ConnectionSettings {
  const names: readonly string[] = OF_A_CONNECTION
  for (const name of Object.keys(own.limits ?? {})) {
    if (names.includes(name)) continue
    throw new UsageError(
      'PHX_ERR_OPTION',
      `socket ${path}: a mount cannot set limits.${name}, only the plugin can; a mount may set ${names.join(', ')}`,
    )
  }
  const limits = resolveLimits({ ...plugin.limits, ...own.limits })
  const filterParameters = own.filterParameters ?? plugin.filterParameters ?? defaultFilter
  if (!Array.isArray(filterParameters) || filterParameters.some((word) => typeof word !== 'string')) {
    const given = wordsOf(filterParameters)
    throw new UsageError(
      'PHX_ERR_OPTION',
      `socket ${path}: filterParameters must be a list of words (got ${given})`,
    )
  }
  return Object.freeze({ limits, rates: socketRates(limits), filterParameters })
}
