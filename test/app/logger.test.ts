import { Writable } from 'node:stream'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { isInstalled, loggerOptions, type Surroundings } from '../../server/app/logger.ts'

const developer: Surroundings = { nodeEnv: undefined, isTerminal: true, has: () => true }
const pretty = { target: 'pino-pretty', options: { ignore: 'pid,hostname' } }

test.each<[string, Partial<Surroundings>, object]>([
  ['a developer at a terminal reads lines', {}, { transport: pretty }],
  ['production writes JSON', { nodeEnv: 'production' }, {}],
  ['without a terminal the output is JSON', { isTerminal: false }, {}],
  ['without the package it is JSON', { has: () => false }, {}],
])('%s', (_what, surroundings, more) => {
  const { serializers: _, ...options } = loggerOptions('info', { ...developer, ...surroundings })
  expect(options).toEqual({ level: 'info', ...more })
})

test('pino-pretty can be loaded, and Fastify accepts the logger options', async () => {
  expect([isInstalled('pino-pretty'), isInstalled('no-such-package')]).toEqual([true, false])
  const app = fastify({ logger: loggerOptions('silent', developer) })
  onTestFinished(() => app.close())
  expect(app.log.level).toBe('silent')
})

test('the log line of a request has its path without the query, which may contain a token', async () => {
  const lines: string[] = []
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line))
      done()
    },
  })
  const app = fastify({ logger: { ...loggerOptions('info', { ...developer, isTerminal: false }), stream } })
  onTestFinished(() => app.close())
  app.get('/rooms', () => 'ok')

  await app.inject({ url: '/rooms?token=hunter2', headers: { host: 'chat.example' } })

  expect(lines.join('')).not.toContain('hunter2')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: 'incoming request',
    req: { method: 'GET', url: '/rooms', host: 'chat.example', remoteAddress: '127.0.0.1' },
  })
})
