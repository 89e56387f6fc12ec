import { boolean, checkOption, object, type Rules, rule } from '../../protocol/check.ts'

/** Options of `broadcast`. */
export type BroadcastOptions = {
  /** Whether the topic's history keeps the broadcast. Ignored if the history never keeps this event. Default: true. */
  readonly keep?: boolean
}

/** Options of `socket.publish`, which resolves with true if the broadcast was kept. */
export type PublishOptions = BroadcastOptions & {
  /**
   * Deduplication key of 1 to 128 characters. A broadcast that is published again with the same key is kept and
   * delivered once. All senders on a topic share the keys, so build a key from the sender and an id that the sender
   * chooses. Default: none.
   */
  readonly key?: string
  /** Whether the sending client gets the broadcast too. Default: true. */
  readonly toSelf?: boolean
}

/** Options of `endpoint.publish`. There is no `toSelf`, because no client sends the broadcast. */
export type EndpointPublishOptions = Omit<PublishOptions, 'toSelf'>

const MAX_KEY_LENGTH = 128
const rules: Rules<EndpointPublishOptions> = {
  keep: boolean,
  key: rule(
    `a string of 1 to ${MAX_KEY_LENGTH} characters`,
    (key) => typeof key === 'string' && key !== '' && key.length <= MAX_KEY_LENGTH,
  ),
}

export const broadcastOptions = object<BroadcastOptions>({ keep: boolean })
export const publishOptions = object<EndpointPublishOptions>(rules)
export const channelPublishOptions = object<PublishOptions>({ ...rules, toSelf: boolean })

/** Check the options of `broadcast` or `broadcastFrom` of a channel. @throws UsageError with `PHX_ERR_OPTION`. */
export function checkBroadcastOptions(call: string, options: BroadcastOptions | undefined): void {
  if (options !== undefined)
    checkOption(`${call}(event, payload, options): \`options\``, options, broadcastOptions)
}
