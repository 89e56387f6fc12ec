import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

// Maximum milliseconds until a server listens.
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
 * Resolves when the server accepts connections. Throws with the error output of the server if it has ended.
 * @param {import('./child.mjs').Child} server
 * @param {number} port
 */
export async function listening(server, port) {
  const until = performance.now() + START_WITHIN
  while (!(await accepts(port))) {
    if (server.hasExited) await server.call('heapAfterGc') // throws with the server's error output
    if (performance.now() > until) throw new Error(`the server must listen within ${START_WITHIN / 1_000} s`)
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
