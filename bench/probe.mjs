// Preloaded into a server by `node --expose-gc --import`: lets the benchmark ask for the heap without a line in the server.
import { setTimeout as sleep } from 'node:timers/promises'
import { answer } from './answer.mjs'

answer({
  async heapAfterGc() {
    // Twice, because what the first collection finalizes only the second one frees.
    globalThis.gc?.()
    await sleep(50)
    globalThis.gc?.()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    return heapUsed + external + arrayBuffers
  },
})
