import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The pages for people, by their paths. */
export const pages: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(`${root}docs`).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
]

/** A fenced block: its page and first line, and the language and name that its fence gives. */
export type Block = {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly name: string
  readonly text: string
}

/** The fenced blocks of all pages, or of one. */
export function blocks(only: readonly string[] = pages): Block[] {
  return only.flatMap((page) => {
    const markdown = readFileSync(root + page, 'utf8')
    return Array.from(markdown.matchAll(/^```(\S*) ?(.*)\n([\s\S]*?)^```$/gm), (match): Block => {
      const [, language = '', name = '', text = ''] = match
      return { page, line: markdown.slice(0, match.index).split('\n').length + 1, language, name, text }
    })
  })
}

/** The one block of this name on a page. @throws Error when there is none, or there are two. */
export function block(page: string, name: string, language?: string): Block {
  const found = blocks([page]).filter(
    (one) => one.name === name && (language === undefined || one.language === language),
  )
  const [only, ...others] = found
  if (only === undefined || others.length > 0) throw new Error(`${page} has ${found.length} blocks ${name}`)
  return only
}
