import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Fault that a load run has shown. */
export type Finding<Kind extends string = string> = { readonly kind: Kind; readonly text: string }

const OF_A_KIND = 10

/** Return the first ten findings of each kind, and the number of the others. */
export function digest(findings: readonly Finding[]): string[] {
  const kinds = new Set(findings.map(({ kind }) => kind))
  return [...kinds].flatMap((kind) => {
    const texts = findings.filter((finding) => finding.kind === kind).map(({ text }) => `${kind}: ${text}`)
    const more = texts.length - OF_A_KIND
    return more > 0 ? [...texts.slice(0, OF_A_KIND), `${kind}: and ${more} more`] : texts
  })
}

/** Write the records of a run that has findings to a file in the temporary folder, and print its path. */
export async function keepRecords(name: string, run: object, findings: readonly Finding[]): Promise<void> {
  if (findings.length === 0) return
  const file = join(tmpdir(), `${name}-${process.pid}.json`)
  await writeFile(file, JSON.stringify(run))
  process.stdout.write(`records of this run: ${file}\n`)
}
