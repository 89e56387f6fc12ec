import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { root } from '../helpers/markdown.ts'

it('has a paragraph for every code, and no other paragraphs', () => {
  const read = (path: string): string => readFileSync(root + path, 'utf8')
  const codes = ['server/errors.ts', 'protocol/errors.ts', 'client/typed.ts'].flatMap(
    (path) => read(path).match(/PHX_ERR_[A-Z]\w+/g) ?? [],
  )
  const headings = Array.from(read('docs/errors.md').matchAll(/^### (\w+)\n\n\S/gm), ([, code]) => code)
  expect(headings.sort()).toEqual([...new Set(codes)].sort())
})
