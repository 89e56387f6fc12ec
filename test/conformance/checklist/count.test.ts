import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const here = new URL('./', import.meta.url)
const ALL = Array.from({ length: 214 }, (_, at) => `B${String(at + 1).padStart(3, '0')}`)

it('every behaviour of the checklist has a test or a row in docs/differences.md', () => {
  const files = readdirSync(here).filter((name) => name.endsWith('.test.ts') && name !== 'count.test.ts')
  const lines = files.flatMap((name) => readFileSync(new URL(name, here), 'utf8').split('\n'))
  const tested = numbers(lines)
  const written = numbers([readFileSync(new URL('../../../docs/differences.md', here), 'utf8')])
  const explained = ALL.filter((number) => written.has(number) && !tested.has(number))
  console.log(`checklist: ${tested.size} tested, ${explained.length} explained, of ${ALL.length}`)
  expect(ALL.filter((number) => !tested.has(number) && !written.has(number))).toEqual([])
})

function numbers(texts: string[]): Set<string> {
  return new Set(texts.join('\n').match(/\bB\d{3}\b/g))
}
