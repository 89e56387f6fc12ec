// Preloaded into a server by `node --expose-gc --import`: reports the heap to the benchmark without code in the server.
import { setTimeout as sleep } from 'node:timers/promises'
import { answer } from './answer.mjs'

answer({
  async heapAfterGc() {
    // Collect twice, because the second collection frees the objects that the first has finalized.
    globalThis.gc?.()
    await sleep(50)
    globalThis.gc?.()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    return heapUsed + external + arrayBuffers
  },
})
