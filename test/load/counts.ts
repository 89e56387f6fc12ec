/** Numbers of resources that a process holds, such as timers, by name. */
export type Counts = Readonly<Record<string, number>>

/** Return the resources whose counts differ. */
export function changes(before: Counts, after: Counts): { name: string; was: number; is: number }[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, was: before[name] ?? 0, is: after[name] ?? 0 }))
    .filter(({ was, is }) => was !== is)
}
