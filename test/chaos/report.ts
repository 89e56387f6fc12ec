import type { Verdict } from './judge-chaos.ts'
import type { Run } from './records.ts'

/** Readable summary of a run. */
export function report({ sent, heard, due, told, findings }: Verdict, { held }: Run): string {
  const lines = [`${sent} messages sent, ${heard} heard, ${findings.length} findings`]
  lines.push(`${due} deliveries were due, of which clients were told that ${told} are missing`)
  for (const { of, start, end } of held) {
    if (start.heapBytes > 0)
      lines.push(`${of}: heap ${megabytes(start.heapBytes)} → ${megabytes(end.heapBytes)}`)
  }
  return `${lines.join('\n')}\n`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
