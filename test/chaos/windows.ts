import type { Run } from './records.ts'

/** A time in which messages must arrive. */
export type Window = {
  /** Where it is among the faults. */
  readonly name: string
  readonly from: number
  readonly to: number
  /** Time by which messages of the window must be confirmed. */
  readonly confirmedBy: number
}

/** Messages that were confirmed within these milliseconds before a fault may be lost. */
const BEFORE_FAULT_MS = 1_000
/** Messages that are sent these milliseconds after a recovery must arrive. */
export const AFTER_RECOVERY_MS = 2_000

/** The times of a run in which everything must arrive; after a fault without recovery there is none. */
export function quietWindows({ from, to, faults }: Run): Window[] {
  const windows: Window[] = []
  let begin: number | null = from
  let after = 'the start'
  for (const { name, at, recoveredAt } of faults) {
    if (begin !== null) {
      windows.push({
        name: `between ${after} and ${name}`,
        from: begin,
        to: at,
        confirmedBy: at - BEFORE_FAULT_MS,
      })
    }
    begin = recoveredAt === null ? null : recoveredAt + AFTER_RECOVERY_MS
    after = name
  }
  if (begin !== null) windows.push({ name: `between ${after} and the end`, from: begin, to, confirmedBy: to })
  return windows
}

/** The times of a run in which nodes were dead: what was said and confirmed elsewhere must arrive. */
export function survivedWindows({ faults }: Run): Window[] {
  return faults.flatMap(({ name, takes, at, recoveredAt }) => {
    if (takes !== 'node' || recoveredAt === null) return []
    const to = recoveredAt + AFTER_RECOVERY_MS
    return [{ name: `while ${name}`, from: at - BEFORE_FAULT_MS, to, confirmedBy: recoveredAt }]
  })
}

/** A time for people: seconds since the start of the run. */
export function since({ from }: Pick<Run, 'from'>, at: number): string {
  return `${((at - from) / 1_000).toFixed(2)} s`
}
