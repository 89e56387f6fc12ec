import type { Run } from './records.ts'

/** Period in which no fault is active. */
export type Window = {
  /** Position between the faults, for people. */
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Milliseconds after a recovery for which the fault still counts as active. */
export const AFTER_RECOVERY_MS = 2_000

/** Return the periods of a run in which no fault is active. No period follows a fault without recovery. */
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

/** Format a time as seconds since the start of the run. */
export function since({ from }: Pick<Run, 'from'>, at: number): string {
  return `${((at - from) / 1_000).toFixed(2)} s`
}
