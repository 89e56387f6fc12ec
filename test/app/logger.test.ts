import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { isInstalled, loggerOptions, type Surroundings } from '../../server/app/logger.ts'

const developer: Surroundings = { nodeEnv: undefined, isTerminal: true, has: () => true }
const pretty = { target: 'pino-pretty', options: { ignore: 'pid,hostname' } }

test.each<[string, Partial<Surroundings>, object]>([
  ['a developer at a terminal reads lines', {}, { transport: pretty }],
  ['production writes JSON', { nodeEnv: 'production' }, {}],
  ['what is no terminal is given JSON', { isTerminal: false }, {}],
  ['without the package it is JSON', { has: () => false }, {}],
])('%s', (_what, surroundings, more) => {
  expect(loggerOptions('info', { ...developer, ...surroundings })).toEqual({ level: 'info', ...more })
})

test('the package that makes the lines is found here, and Fastify takes the options', async () => {
  expect([isInstalled('pino-pretty'), isInstalled('no-such-package')]).toEqual([true, false])
  const app = fastify({ logger: loggerOptions('silent', developer) })
  onTestFinished(() => app.close())
  expect(app.log.level).toBe('silent')
})
