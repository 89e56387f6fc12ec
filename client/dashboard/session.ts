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

/** Receives what a session is sent. */
export type Listener = {
  /** The channel is joined: for the first time, or again. */
  joined(node: NodeInfo, channel: DashboardChannel): void
  nodes(nodes: Nodes): void
  topics(topics: Topics): void
  frames(frames: readonly LoggedFrame[]): void
  connected(): void
  /** `retryAt` is in ms since the epoch. */
  lost(retryAt: number): void
}

/** The channel of the dashboard, through which operators act. */
export type DashboardChannel = TypedChannel<typeof Dashboard>

/** A connection to the dashboard's socket, which comes back until it is ended. */
export type Session = { retry(): void; end(): void }

/** Connect with a token, or with null by the cookies of the page, and watch. */
export function openSession(token: string | null, listener: Listener): Session {
  const socket = new Socket(`${pagePath()}/socket`, {
    // Where the browser forbids storage, reading the global `sessionStorage` throws.
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
  // The push itself, not its promise: it is answered at each join.
  dashboard.channel.join().receive('ok', (node: NodeInfo) => listener.joined(node, dashboard))
  return {
    // phoenix.js has no "retry now": a new connection is made when the old one is closed.
    retry: () => socket.disconnect(() => socket.connect()),
    end: () => socket.disconnect(),
  }
}
