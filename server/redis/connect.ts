import { createClient } from 'redis'
import type { RedisEngineOptions } from './options.ts'
import { SingleServer } from './single-server.ts'
import type { Topology } from './topology.ts'

const DEFAULT_URL = 'redis://127.0.0.1:6379'
const CONNECT_MS = 5_000

/** Where the options say that Redis is. */
export function topologyOf(options: RedisEngineOptions): Topology {
  const url = options.url ?? DEFAULT_URL
  return new SingleServer(() => createClient({ url, ...OURS }))
}

/** Reconnecting and timeouts are our business, so that an outage is known for what it is. */
const OURS = {
  RESP: 3,
  commandOptions: { timeout: 0 },
  disableOfflineQueue: true,
  maintNotifications: 'disabled',
  socket: { reconnectStrategy: false, connectTimeout: CONNECT_MS },
} as const
