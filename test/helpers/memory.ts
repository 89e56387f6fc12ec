import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Forces a collection. Making it leaves something in the heap: who measures often makes it once. */
export function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** The bytes that this process holds after a forced collection, in the heap and outside of it. */
export function heldBytes(collect = collector()): number {
  // Objects that the first collection frees may have held others, which only the second one finds.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
