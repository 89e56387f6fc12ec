import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, type Scripts } from '../helpers/own-process.ts'
import { chaos } from './chaos.ts'
import { type Finding, judge, type Verdict } from './judge.ts'
import { sizes } from './size.ts'

const size = process.env['CHAOS'] === 'full' ? sizes.full : sizes.small
const MINUTES = 60_000

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ node: 'test/chaos/node.ts', clients: 'test/chaos/clients.ts' })
})
afterAll(() => scripts.remove())

/** The first findings of each kind; the others are like them. */
function digest(findings: readonly Finding[]): string[] {
  const kinds = new Set(findings.map(({ kind }) => kind))
  return [...kinds].flatMap((kind) => {
    const texts = findings.filter((finding) => finding.kind === kind).map(({ text }) => `${kind}: ${text}`)
    const rest = texts.length > 10 ? [`${kind}: and ${texts.length - 10} more`] : []
    return [...texts.slice(0, 10), ...rest]
  })
}

function tell({ sent, heard, due, findings }: Verdict): void {
  const quiet = due.join(' + ')
  process.stdout.write(
    `${sent} sent, ${heard} heard, ${quiet} due in quiet times, ${findings.length} findings\n`,
  )
}

it(
  `${size.clients} clients of ${size.nodes} nodes go through deaths of a node and of Redis`,
  async () => {
    const verdict = judge(await chaos({ size, scripts: scripts.folder }))
    tell(verdict)
    expect(digest(verdict.findings)).toEqual([])
    // Were nothing due, nothing could be missed: in each quiet time everybody speaks to a whole room.
    for (const due of verdict.due) expect(due).toBeGreaterThan(size.clients * (size.clients / size.rooms))
  },
  10 * MINUTES,
)
