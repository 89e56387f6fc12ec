import type { Run } from './records.ts'

/** A time in which nothing is broken. */
export type Window = {
  /** Where it is among the faults. */
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Milliseconds after a recovery at which the fault is over. */
export const AFTER_RECOVERY_MS = 2_000

/** The times of a run in which nothing is broken; after a fault without recovery there is none. */
export function quietWindows({ from, to, faults }: Run): Window[] {
  const windows: Window[] = []
  let begin: number | null = from
  let after = 'the start'
  for (const { name, at, recoveredAt } of faults) {
    if (begin !== null) {
      windows.push({ name: `between ${after} and ${name}`, from: begin, to: at })
    }
    begin = recoveredAt === null ? null : recoveredAt + AFTER_RECOVERY_MS
    after = name
  }
  if (begin !== null) windows.push({ name: `between ${after} and the end`, from: begin, to })
  return windows
}

/** A time for people: seconds since the start of the run. */
export function since({ from }: Pick<Run, 'from'>, at: number): string {
  return `${((at - from) / 1_000).toFixed(2)} s`
}
