import { Socket } from 'phoenix'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'

// Milliseconds between two attempts to connect: the same for all clients.
const RETRY_MS = 100

/**
 * @typedef {(port: number, heard: import('./heard.mjs').Heard) => { close(): void }} Connect
 * @typedef {typeof import('../../client/recoverable.ts').recoverable} Recoverable
 */

/**
 * A client of our server.
 * @param {string} topic
 * @param {Recoverable | null} recoverable null for a plain channel
 * @returns {Connect}
 */
export function phoenixClient(topic, recoverable) {
  return (port, heard) => {
    const retry = { reconnectAfterMs: () => RETRY_MS, rejoinAfterMs: () => RETRY_MS }
    const transport = /** @type {any} */ (WebSocket) // not the browser's class, but has all that the client uses
    const socket = new Socket(`ws://127.0.0.1:${port}/socket`, { transport, ...retry })
    const channel =
      recoverable === null
        ? socket.channel(topic, {})
        : recoverable(socket, topic, {}, { onGap: () => heard.gap() })
    channel.on('msg', (message) => heard.hear(message))
    socket.connect()
    channel.join()
    return { close: () => socket.disconnect() }
  }
}

/** @type {Connect} */
export function socketIoClient(port, heard) {
  const retry = { reconnectionDelay: RETRY_MS, reconnectionDelayMax: RETRY_MS, randomizationFactor: 0 }
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, ...retry })
  socket.on('msg', (message) => heard.hear(message))
  return { close: () => void socket.disconnect() }
}
