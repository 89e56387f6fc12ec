import { UNAUTHORIZED } from '../../protocol/index.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { Channel } from './channel.ts'

/** Ask the definition whether these assigns of a socket may be on the channel's topic, then run `join`. */
export function joinIfAuthorized(channel: Channel, assigns: unknown, params: unknown): unknown {
  const { definition, topic } = channel
  const decide = (isAllowed: unknown): unknown =>
    isAllowed === true ? definition.join(params, channel) : { error: { reason: UNAUTHORIZED } }
  // Where the socket routes to the channel, the compiler has checked that it takes these assigns.
  const isAllowed = definition.authorize === null ? true : definition.authorize(assigns as never, topic)
  return isPromise(isAllowed) ? adopt(isAllowed).then(decide) : decide(isAllowed)
}

/** Whether a joined channel may stay on its topic, now that its socket has these assigns; a throw is a no. */
export async function mayStay({ definition, topic }: Channel, assigns: unknown): Promise<boolean> {
  if (definition.authorize === null) return true
  // Only true itself, as with the first time.
  return (await definition.authorize(assigns as never, topic)) === true
}
