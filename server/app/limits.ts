import type { Limits } from '../index.ts'
import type { Settings } from './settings.ts'

/** Maximum number of joined rooms per connection. The page joins at most 10. */
const MAX_ROOMS_OF_A_CONNECTION = 20

/** Convert the operator's settings to the plugin's limits. In the settings, 0 means no limit. */
export function limitsOf(settings: Settings): Partial<Limits> {
  const connectionRate = orNone(settings.connectionRate)
  const messageRate = orNone(settings.messageRate)
  const joinRate = orNone(settings.joinRate)
  return {
    maxChannels: MAX_ROOMS_OF_A_CONNECTION,
    maxConnections: orNone(settings.maxConnections),
    maxTotalChannels: orNone(settings.maxChannels),
    connectionRate,
    connectionBurst: connectionRate * 20,
    messageRate,
    messageBurst: messageRate * 5,
    joinRate,
    joinBurst: joinRate * 10,
  }
}

function orNone(limit: number): number {
  return limit === 0 ? Number.MAX_SAFE_INTEGER : limit
}
