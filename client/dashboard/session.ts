import { Socket } from 'phoenix'
import { Dashboard, type Figures, type NodeInfo, type Rooms } from '../../server/app/contracts/dashboard.ts'
import { reconnectDelay } from '../app/connection.ts'
import { memoryStore } from '../app/store.ts'
import { typed } from '../typed.ts'

/** What a session tells the page. */
export type Listener = {
  /** The channel is joined: for the first time, or again. */
  joined(node: NodeInfo): void
  figures(figures: Figures): void
  rooms(rooms: Rooms): void
  connected(): void
  /** `retryAt` is in ms since the epoch. */
  lost(retryAt: number): void
}

/** A connection to the dashboard's socket, which comes back until it is ended. */
export type Session = { retry(): void; end(): void }

/** Connect with a token and watch. */
export function openSession(token: string, listener: Listener): Session {
  const socket = new Socket(new URL('dashboard/socket', location.href).pathname, {
    // Where the browser forbids to store, reading the global `sessionStorage` throws.
    sessionStorage: memoryStore(),
    authToken: token,
    reconnectAfterMs(attempt) {
      const delay = reconnectDelay(attempt)
      listener.lost(Date.now() + delay)
      return delay
    },
    rejoinAfterMs: reconnectDelay,
  })
  socket.onOpen(() => listener.connected())
  const dashboard = typed(Dashboard, socket.channel(Dashboard.topic))
  dashboard.on('figures', listener.figures)
  dashboard.on('rooms', listener.rooms)
  socket.connect()
  // The push itself, not its promise: it is answered at each join.
  dashboard.channel.join().receive('ok', (node: NodeInfo) => listener.joined(node))
  return {
    // phoenix.js has no "retry now": a new connection is made when the old one is done with.
    retry: () => socket.disconnect(() => socket.connect()),
    end: () => socket.disconnect(),
  }
}
