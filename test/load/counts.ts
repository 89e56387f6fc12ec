/** How many of each thing a process holds, such as timers. */
export type Counts = Readonly<Record<string, number>>

/** The things whose count differs. */
export function changes(before: Counts, after: Counts): { name: string; was: number; is: number }[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, was: before[name] ?? 0, is: after[name] ?? 0 }))
    .filter(({ was, is }) => was !== is)
}
