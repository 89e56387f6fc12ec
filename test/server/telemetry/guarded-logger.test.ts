import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { GuardedLogger } from '../../../server/telemetry/guarded-logger.ts'
import { turn } from '../../helpers/deferred.ts'
import { revokedProxy, unreadableError, withoutPrototype } from '../../helpers/mistakes.ts'

test.each([
  ['an error that cannot be read', unreadableError()],
  ['a cause that cannot be read', new Error('outer', { cause: unreadableError() })],
  ['an error without a prototype to read', withoutPrototype()],
])('writes a line without the values that a logger cannot read: %s', (_, err) => {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  new GuardedLogger(logger).error({ err, topic: 'room:a', n: 7 }, 'a callback failed')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ topic: 'room:a', n: 7, msg: 'a callback failed', err: expect.any(String) }),
  ])
})

test('writes nothing without a logger, or if the logger lacks the level', () => {
  new GuardedLogger(null).warn({}, 'x')
  new GuardedLogger({}).info({}, 'x')
})

const throwing = () => {
  throw revokedProxy()
}

test.each([
  ['throws', throwing],
  ['rejects', async () => throwing()],
])('a logger that %s causes one warning, and does not end the process', async (_, error) => {
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const logger = new GuardedLogger({ error })
  logger.error({ err: new Error('x') }, 'one')
  logger.error({}, 'two')
  await turn()
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('logger failed: ')])
})
