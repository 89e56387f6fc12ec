import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../server/app/app.ts'
import { type Block, block, blocks, pages, root } from '../helpers/markdown.ts'
import { typeCheck } from '../helpers/type-check.ts'

/** Its frames have a test of their own. */
const PROTOCOL = 'docs/protocol.md'
const samples = blocks(pages.filter((page) => page !== PROTOCOL))
const of = (language: string): Block[] => samples.filter((sample) => sample.language === language)

it('are of a kind that is tested here or beside it, or Elixir', () => {
  expect(new Set(samples.map(({ language }) => language))).toEqual(
    new Set(['console', 'elixir', 'js', 'json', 'sh', 'text', 'ts']),
  )
})

describe('TypeScript', () => {
  const isExcerpt = ({ name }: Block): boolean => name.includes('/')
  const unindented = (text: string): string => text.replace(/^ +/gm, '').trim()

  it.each(of('ts').filter(isExcerpt))('$page:$line is an excerpt of $name', ({ name, text }) => {
    expect(unindented(readFileSync(root + name, 'utf8')).includes(unindented(text))).toBe(true)
  })

  // Blocks of one page are neighbours, and those of one name one file; a block without a name stands alone.
  it('compiles under strict', () => {
    const files = new Map<string, string>()
    for (const { page, line, name, text } of of('ts').filter((sample) => !isExcerpt(sample))) {
      const path = `${root}${page.replace('.md', '.samples')}/${name || `line-${line}.ts`}`
      files.set(path, (files.get(path) ?? '') + text)
    }
    expect(typeCheck(files)).toEqual([])
  })

  it('would not compile if it were wrong', () => {
    const files = new Map([
      [`${root}wrong.samples/server.ts`, "import { defineChannel } from 'fastify-phoenix'\ndefineChannel(1)"],
    ])
    expect(typeCheck(files)).toEqual([
      expect.stringContaining('wrong.samples/server.ts:2 Expected 2 arguments'),
    ])
  })
})

describe('the chat', () => {
  async function serve(): Promise<string> {
    const { app } = await buildApp({ notifyEveryMs: 50, logLevel: 'silent' })
    onTestFinished(() => app.close())
    return new URL(await app.listen({ port: 0, host: '127.0.0.1' })).host
  }

  it.each(of('console'))('answers curl as $page:$line says', async ({ text }) => {
    const host = await serve()
    for (const [, command = '', output] of text.matchAll(/^\$ curl (.*)\n((?:[^$].*\n)*)/gm)) {
      expect(await curl(command.replace('localhost:4000', host))).toBe(output?.trimEnd())
    }
    expect(text.match(/^\$ /gm)).toHaveLength(text.match(/^\$ curl /gm)?.length ?? 0)
  })

  it.each(of('js'))('$page:$line prints what is shown below it', async ({ page, name, text }) => {
    const code = text.replace('localhost:4000', await serve())
    const script = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root })
    onTestFinished(async () => {
      script.kill()
      await once(script, 'exit')
    })
    const expected = block(page, name, 'text').text.trimEnd().split('\n')
    const printed: string[] = []
    script.stderr.on('data', (data) => printed.push(String(data)))
    for await (const line of createInterface(script.stdout)) {
      if (!printed.includes(line)) printed.push(line)
      if (printed.length >= expected.length) break
    }
    // The ping may come first.
    expect(printed.sort()).toEqual(expected.sort())
  })
})

/** What curl prints, for the options that the docs use: a machine with Node and git need not have it. */
async function curl(command: string): Promise<string> {
  const words = Array.from(command.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '')
  const headers = new Headers()
  let url = ''
  let body: string | null = null
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-H') {
      const [name = '', value = ''] = words.shift()?.split(': ') ?? []
      headers.append(name, value)
    } else if (word === '-d') body = words.shift() ?? ''
    else if (!word.startsWith('-')) url = `http://${word}`
    else if (word !== '-s') throw new Error(`curl ${word} is not known to this test`)
  }
  const response = await fetch(url, { method: body === null ? 'GET' : 'POST', headers, body })
  return response.text()
}
