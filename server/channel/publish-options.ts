import { boolean, object, type Rules, rule } from '../../protocol/check.ts'

/** How a broadcast is sent. */
export type BroadcastOptions = {
  /** False: an event that the topic's history keeps is sent without being kept. Default: true. */
  readonly keep?: boolean
}

/** How a broadcast is published. */
export type PublishOptions = BroadcastOptions & {
  /**
   * 1 to 128 characters. A broadcast that is published again under the same key is kept and delivered once. Keys count
   * within the topic, so make them of the sender and of an id of the sender's. Default: none.
   */
  readonly key?: string
  /** Whether the client that it comes from gets it too. Default: true. */
  readonly toSelf?: boolean
}

/** How a broadcast of the endpoint is published. */
export type EndpointPublishOptions = Omit<PublishOptions, 'toSelf'>

const MAX_KEY_LENGTH = 128
const rules: Rules<EndpointPublishOptions> = {
  keep: boolean,
  key: rule(
    `a string of 1 to ${MAX_KEY_LENGTH} characters`,
    (key) => typeof key === 'string' && key !== '' && key.length <= MAX_KEY_LENGTH,
  ),
}

/** The options of `broadcast`. */
export const broadcastOptions = object<BroadcastOptions>({ keep: boolean })
/** The options of `endpoint.publish`. */
export const publishOptions = object<EndpointPublishOptions>(rules)
/** The options of a channel's `publish`. */
export const channelPublishOptions = object<PublishOptions>({ ...rules, toSelf: boolean })
