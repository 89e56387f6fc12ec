import { UNAUTHORIZED } from '../../protocol/index.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { Channel } from './channel.ts'
import { badResult } from './result.ts'

/** Call `authorize` with the socket's assigns; if it allows the topic, run `join`. */
export function joinIfAuthorized(channel: Channel, assigns: unknown, params: unknown): unknown {
  const { definition, topic } = channel
  const decide = (isAllowed: unknown): unknown =>
    isTrue(channel, isAllowed) && !channel.hasEnded
      ? definition.join(params, channel)
      : { error: { reason: UNAUTHORIZED } }
  // The cast is safe: the type of `SocketDefinition.channel` ensures that `authorize` accepts these assigns.
  const isAllowed = definition.authorize === null ? true : definition.authorize(assigns as never, topic)
  return isPromise(isAllowed) ? adopt(isAllowed).then(decide) : decide(isAllowed)
}

/**
 * Call `authorize` again for a joined channel, with the new assigns of its socket. Resolves with true if the topic is
 * still allowed. Rejects if `authorize` throws.
 */
export async function mayStay(channel: Channel, assigns: unknown): Promise<boolean> {
  const { definition, topic } = channel
  if (definition.authorize === null) return true
  return isTrue(channel, await definition.authorize(assigns as never, topic))
}

/** Only `true` allows a topic. A result that is not a boolean is reported as a mistake of the application. */
function isTrue(channel: Channel, isAllowed: unknown): boolean {
  if (typeof isAllowed !== 'boolean') channel.report('authorize', badResult('authorize', isAllowed))
  return isAllowed === true
}
