import { Socket } from 'phoenix'
import {
  Dashboard,
  type LoggedFrame,
  type NodeInfo,
  type Nodes,
  type Topics,
} from '../../server/dashboard/contract.ts'
import { reconnectDelay } from '../app/connection.ts'
import { memoryStore } from '../app/store.ts'
import { type TypedChannel, typed } from '../typed.ts'
import { pagePath } from './page-path.ts'

/** Callbacks of a session. */
export type Listener = {
  /** Called at each join and rejoin of the channel. */
  joined(node: NodeInfo, channel: DashboardChannel): void
  nodes(nodes: Nodes): void
  topics(topics: Topics): void
  frames(frames: readonly LoggedFrame[]): void
  connected(): void
  /** Called when the connection is lost. `retryAt` is in milliseconds since 1970. */
  lost(retryAt: number): void
}

export type DashboardChannel = TypedChannel<typeof Dashboard>

/** Connection to the dashboard's socket. Reconnects after each loss. `end` closes the connection. */
export type Session = { retry(): void; end(): void }

/** Connect and report to `listener`. If `token` is null, the server authorizes the connection by the page's cookies. */
export function openSession(token: string | null, listener: Listener): Session {
  const socket = new Socket(`${pagePath()}/socket`, {
    // If the browser forbids storage, reading the global `sessionStorage` throws.
    sessionStorage: memoryStore(),
    ...(token !== null && { authToken: token }),
    reconnectAfterMs(attempt) {
      const delay = reconnectDelay(attempt)
      listener.lost(Date.now() + delay)
      return delay
    },
    rejoinAfterMs: reconnectDelay,
  })
  socket.onOpen(() => listener.connected())
  const dashboard = typed(Dashboard, socket.channel(Dashboard.topic))
  dashboard.on('nodes', listener.nodes)
  dashboard.on('topics', listener.topics)
  dashboard.on('frames', ({ frames }) => listener.frames(frames))
  socket.connect()
  // Use the join of phoenix.js, whose callback runs at each rejoin too. The promise of `dashboard.join()` would settle
  // only once.
  dashboard.channel.join().receive('ok', (node: NodeInfo) => listener.joined(node, dashboard))
  return {
    // phoenix.js has no function for an immediate retry, so disconnect and connect again.
    retry: () => socket.disconnect(() => socket.connect()),
    end: () => socket.disconnect(),
  }
}
