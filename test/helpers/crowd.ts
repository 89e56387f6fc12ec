import type { BurstQueue } from '../../server/limits/burst-queue.ts'

/** Have so many join that whoever comes in the same turn of the event loop waits for the next. */
export function crowd(admission: BurstQueue): void {
  let isWaiting = false
  const join = {
    hold() {
      isWaiting = true
    },
    start() {
      const end = performance.now() + 2
      while (performance.now() < end);
    },
    refuse() {},
  }
  while (!isWaiting) admission.enter({ ...join })
}
