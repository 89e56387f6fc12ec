import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../server/app/app.ts'
import { type Block, block, blocks, pages, root } from '../helpers/markdown.ts'
import { files, isExcerpt, linkedProject, PageProject, packages } from '../helpers/page-project.ts'

/** Its frames have a test of their own. */
const PROTOCOL = 'docs/protocol.md'
const samples = blocks(pages.filter((page) => page !== PROTOCOL))
const of = (language: string): Block[] => samples.filter((sample) => sample.language === language)

it('are of a kind that this file or a neighbouring test runs, or Elixir', () => {
  expect(new Set(samples.map(({ language }) => language))).toEqual(
    new Set(['console', 'elixir', 'html', 'js', 'json', 'sh', 'text', 'ts', 'tsx']),
  )
})

describe('TypeScript of the repository', () => {
  const unindented = (text: string): string => text.replace(/^ +/gm, '').trim()

  it.each(of('ts').filter(isExcerpt))('$page:$line is an excerpt of $name', ({ name, text }) => {
    expect(unindented(readFileSync(root + name, 'utf8')).includes(unindented(text))).toBe(true)
  })
})

// These pages have tests of their own, which run more than the modules.
const elsewhere = ['docs/guide.md', 'docs/client.md', 'docs/recovery.md', 'docs/testing.md']
const withCode = pages.filter((page) => page !== PROTOCOL && files(page).size > 0)

/** What doors import that the package does not bring along. */
const PEERS = { redis: 'redis', metrics: 'prom-client', tracing: '@opentelemetry/api' }
it.each(withCode)('%s names the packages that its subpaths import', (page) => {
  const code = [...files(page).values()].join('\n')
  const needed = Object.entries(PEERS).flatMap(([door, peer]) =>
    code.includes(`'fastify-phoenix/${door}'`) ? [peer] : [],
  )
  expect(packages(page)).toEqual(expect.arrayContaining(needed))
})

describe.each(withCode.filter((page) => !elsewhere.includes(page)))('the code of %s', (page) => {
  let project: PageProject
  beforeAll(async () => {
    project = await PageProject.create(page)
  }, 300_000)
  afterAll(() => project?.remove())

  it('runs', async () => {
    const modules = [...project.files.keys()].filter((name) => name.endsWith('.ts'))
    const output = await project.load(modules)
    expect(output.match(/^loaded .*$/gm)).toEqual(modules.map((name) => `loaded ${name}`))
  })

  if (page !== 'docs/errors.md') {
    it('compiles, with the packages and settings that the page names', () => project.check())
    return
  }
  // Once is enough: the check is the same on every page.
  it('compiles except for a deliberate error', async () => {
    const wrong = "import { defineChannel } from 'fastify-phoenix'\ndefineChannel(1)"
    await project.installed.write('wrong.ts', wrong)
    const { message } = await project.check().then(
      () => new Error('no error'),
      (error: Error) => error,
    )
    expect(message.match(/\S+ error TS.*$/gm)).toEqual([
      expect.stringMatching(/^wrong\.ts\(2,\d+\): error TS2554: Expected 2 arguments/),
    ])
  })
})

describe('the chat', () => {
  async function serve(): Promise<string> {
    const { app } = await buildApp({ notifyEveryMs: 50, logLevel: 'silent' })
    onTestFinished(() => app.close())
    return new URL(await app.listen({ port: 0, host: '127.0.0.1' })).host
  }

  it.each(of('console'))('answers curl as shown in $page:$line', async ({ text }) => {
    const host = await serve()
    for (const [, command = '', output] of text.matchAll(/^\$ curl (.*)\n((?:[^$].*\n)*)/gm)) {
      expect(await curl(command.replace('localhost:4000', host))).toBe(output?.trimEnd())
    }
    expect(text.match(/^\$ /gm)).toHaveLength(text.match(/^\$ curl /gm)?.length ?? 0)
  })

  it.each(of('js').filter(({ page }) => !elsewhere.includes(page)))(
    '$page:$line prints the output shown below it',
    async ({ page, name, text }) => {
      const project = await linkedProject(['phoenix', 'ws'])
      const code = text.replace('localhost:4000', await serve())
      const script = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: project.folder })
      onTestFinished(async () => {
        script.kill()
        await once(script, 'exit')
        await project.remove()
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
    },
  )
})

/** Output of curl for the options that the docs use: a machine with Node and git may not have curl. */
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
