import { changes } from '../load/counts.ts'
import type { Finding } from './judge-chaos.ts'
import type { Held, HeldRecord } from './records.ts'

/** Tolerated growth of the heap, because its size differs from one collection to the next. */
const HEAP_TOLERANCE_BYTES = 2_000_000

/** Find resources that a process still holds after all clients have left. */
export function judgeHeld({ of, start, end }: HeldRecord): Finding[] {
  const texts = surplus(start, end).map((what) => `${of} has ${what} than at the start`)
  const grown = end.heapBytes - start.heapBytes
  if (grown > HEAP_TOLERANCE_BYTES) {
    texts.push(`${of}: the heap has grown by ${grown} bytes, from ${start.heapBytes}`)
  }
  return texts.map((text) => ({ kind: 'held', text }))
}

/** Describe the counts that have grown, with the differences. */
export function surplus(before: Pick<Held, 'counts'>, { counts }: Pick<Held, 'counts'>): string[] {
  return changes(before.counts, counts)
    .filter(({ was, is }) => is > was)
    .map(({ name, was, is }) => `${is - was} more ${name}`)
}
