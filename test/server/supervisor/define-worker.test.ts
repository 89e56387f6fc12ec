import { expect, test } from 'vitest'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'

test('a definition is frozen data', () => {
  const definition = defineWorker({ name: 'w', init: () => 1, handleInfo: { tick() {} } })
  expect(Object.isFrozen(definition)).toBe(true)
  expect(definition.name).toBe('w')
  expect([...definition.handleInfo.keys()]).toEqual(['tick'])
  expect(definition.terminate).toBeNull()
})

test('refuses a worker without a name', () => {
  expect(() => defineWorker({ name: '', init() {} })).toThrowError(
    expect.objectContaining({ name: 'UsageError', code: 'PHX_ERR_DEFINITION' }),
  )
})

test('names the callback that is missing or not a function', () => {
  // @ts-expect-error a worker needs init
  expect(() => defineWorker({ name: 'w' })).toThrow('worker "w": `init` must be a function (got undefined)')
  // @ts-expect-error a handler is a function
  expect(() => defineWorker({ name: 'w', init() {}, handleInfo: { tick: 'now' } })).toThrow(
    'worker "w": `handleInfo.tick` must be a function (got "now")',
  )
  // @ts-expect-error terminate is a function
  expect(() => defineWorker({ name: 'w', init() {}, terminate: 1 })).toThrow(
    'worker "w": `terminate` must be a function (got 1)',
  )
})
