import type { Verdict } from './judge.ts'
import type { Run } from './records.ts'

const OF_A_KIND = 10

/** The first findings of each kind; the others are like them. */
export function digest(findings: readonly { readonly kind: string; readonly text: string }[]): string[] {
  const kinds = new Set(findings.map(({ kind }) => kind))
  return [...kinds].flatMap((kind) => {
    const texts = findings.filter((finding) => finding.kind === kind).map(({ text }) => `${kind}: ${text}`)
    const more = texts.length - OF_A_KIND
    return more > 0 ? [...texts.slice(0, OF_A_KIND), `${kind}: and ${more} more`] : texts
  })
}

/** What a run was, for people. */
export function report({ sent, heard, due, findings }: Verdict, { held }: Run): string {
  const lines = [`${sent} messages sent, ${heard} heard, ${findings.length} findings`]
  for (const [name, count] of Object.entries(due)) lines.push(`${count} deliveries were due ${name}`)
  for (const { of, start, end } of held) {
    if (start.heapBytes > 0)
      lines.push(`${of}: heap ${megabytes(start.heapBytes)} → ${megabytes(end.heapBytes)}`)
  }
  return `${lines.join('\n')}\n`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
