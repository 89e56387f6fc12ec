import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

// Milliseconds a server may take until it listens.
const START_WITHIN = 20_000

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}

/**
 * Resolves when it accepts connections; throws the last words of one that ended before.
 * @param {import('./child.mjs').Child} server
 * @param {number} port
 */
export async function listening(server, port) {
  const until = performance.now() + START_WITHIN
  while (!(await accepts(port))) {
    if (server.hasExited) await server.call('heapAfterGc') // throws with the server's last words
    if (performance.now() > until) throw new Error(`does not listen after ${START_WITHIN / 1_000} s`)
    await sleep(25)
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
