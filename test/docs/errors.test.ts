import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { defineSocket, phoenix } from '../../server/index.ts'
import { root } from '../helpers/markdown.ts'

it('has a paragraph for every code, and no other paragraphs', () => {
  const read = (path: string): string => readFileSync(root + path, 'utf8')
  const codes = ['server/errors.ts', 'protocol/errors.ts', 'client/typed.ts'].flatMap(
    (path) => read(path).match(/PHX_ERR_[A-Z]\w+/g) ?? [],
  )
  const headings = Array.from(read('docs/errors.md').matchAll(/^### (\w+)\n\n\S/gm), ([, code]) => code)
  expect(headings.sort()).toEqual([...new Set(codes)].sort())
})

it('quotes the messages of Fastify and Node for a plugin that is registered late or not awaited', async () => {
  const sockets = { '/socket': defineSocket({ connect: () => ({ ok: {} }) }) }
  const early = fastify()
  const late = fastify()
  onTestFinished(async () => {
    await early.close()
    await late.close()
  })
  await late.ready()
  void early.register(phoenix, { sockets })
  const section = readFileSync(`${root}docs/errors.md`, 'utf8').split('## Errors without a code')[1] ?? ''
  const quoted = Array.from(section.matchAll(/^\| `(.*?)` /gm), ([, message]) => message)
  expect([
    await messageOf(async () => late.register(phoenix, { sockets })),
    await messageOf(async () => early.endpoint.broadcast('room:lobby', 'new_msg', {})),
  ]).toEqual(quoted)
})

async function messageOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'no error',
    (error: Error) => error.message,
  )
}
