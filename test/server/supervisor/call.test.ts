import { expect, onTestFinished, test, vi } from 'vitest'
import { CallbackError, CallError, UsageError } from '../../../server/errors.ts'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { supervise } from '../../helpers/supervise.ts'

/** A worker that counts, and answers as it is asked to. */
const counter = defineWorker({
  name: 'counter',
  init: (context: { from: number }) => ({ count: context.from }),
  handleInfo: {
    add(by: number, state) {
      state.count += by
    },
  },
  handleCall: {
    count: (_value, state) => ({ reply: state.count }),
    later: (answer: Promise<string>) => ({ reply: answer }),
    wait: async (gate: Promise<void>) => {
      await gate
      return { reply: 'waited' }
    },
    quit: (_value, state) => ({ stop: 'normal', reply: state.count }),
    quitLater: (answer: Promise<string>) => ({ stop: 'normal', reply: answer }),
    leave: () => ({ stop: 'normal' }),
    crash: () => {
      throw new Error('broke')
    },
  },
})

async function startCounter(restart: 'permanent' | 'temporary' = 'temporary') {
  const supervisor = supervise()
  const handle = await supervisor.startChild({ worker: counter, context: { from: 40 }, restart })
  return { supervisor, handle }
}

test('answers a call after the messages before it (WORKER-6)', async () => {
  const { handle } = await startCounter()
  expect(handle.send('add', 2)).toBe(true)
  expect(await handle.call('count')).toBe(42)
})

test('continues while a reply is pending, and answers with its outcome (WORKER-6)', async () => {
  const { handle } = await startCounter()
  const [gate, broken] = [new Deferred<string>(), new Deferred<string>()]
  const answer = handle.call('later', gate.promise)
  const refused = handle.call('later', broken.promise)
  expect(await handle.call('count')).toBe(40)
  gate.resolve('now')
  broken.reject(new Error('no'))
  expect(await answer).toBe('now')
  await expect(refused).rejects.toThrow('no')
})

test('a call can end the worker, with or without an answer (WORKER-7)', async () => {
  const one = await startCounter()
  expect(await one.handle.call('quit')).toBe(40)
  const two = await startCounter()
  await expect(two.handle.call('leave')).rejects.toMatchObject({ reason: 'ended', cause: 'normal' })
})

test('a call whose reply is pending is rejected when the worker ends (WORKER-7)', async () => {
  const { handle } = await startCounter()
  const waiting = handle.call('later', new Promise<string>(() => {}))
  await handle.call('count')
  await Promise.all([handle.stop(), expect(waiting).rejects.toMatchObject({ reason: 'ended' })])
})

test('a handler that ends the worker can reply with a promise (WORKER-7)', async () => {
  const { supervisor, handle } = await startCounter()
  const gate = new Deferred<string>()
  const waiting = handle.call('quitLater', gate.promise)
  await vi.waitUntil(() => supervisor.children().length === 0)
  gate.resolve('now')
  expect(await waiting).toBe('now')
})

test.each([
  [
    'reply',
    {
      get reply(): never {
        throw new Error('no')
      },
    },
  ],
  [
    'then',
    {
      reply: {
        // biome-ignore lint/suspicious/noThenProperty: the test needs it
        get then(): never {
          throw new Error('no')
        },
      },
    },
  ],
])('a reply whose getter `%s` throws crashes the worker and rejects the call', async (_name, result) => {
  const supervisor = supervise()
  const worker = defineWorker({ name: 'w', init() {}, handleCall: { go: () => result } })
  const handle = await supervisor.startChild({ worker, restart: 'temporary' })
  const answer = handle.call('go', undefined, { timeout: Number.POSITIVE_INFINITY })
  await expect(answer).rejects.toMatchObject({ reason: 'ended', cause: { cause: { message: 'no' } } })
})

test('a crash rejects its call and all waiting ones; the next reaches the new instance (WORKER-7)', async () => {
  const { supervisor, handle } = await startCounter('permanent')
  handle.send('add', 1)
  const [crash, waiting] = [handle.call('crash'), handle.call('count')]
  const error: unknown = await crash.catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(CallError)
  expect(error).toMatchObject({
    code: 'PHX_ERR_CALL',
    reason: 'ended',
    message: 'call "crash" was not answered: child "counter" ended first',
  })
  expect((error as CallError).cause).toBeInstanceOf(CallbackError)
  await expect(waiting).rejects.toMatchObject({ reason: 'ended' })
  await vi.waitUntil(() => supervisor.children()[0]?.restarts === 1)
  expect(await handle.call('count')).toBe(40)
})

test('a call that takes longer than its timeout is rejected; its answer is dropped (WORKER-7)', async () => {
  useFakeTimers()
  const { handle } = await startCounter()
  const gate = new Deferred()
  onTestFinished(() => gate.resolve())
  const [short, long] = [handle.call('wait', gate.promise, { timeout: 100 }), handle.call('count')]
  const refused = Promise.all([
    expect(short).rejects.toThrow(
      'call "wait" was not answered: child "counter" did not answer within 100 ms',
    ),
    expect(long).rejects.toMatchObject({ reason: 'timeout' }),
  ])
  await vi.advanceTimersByTimeAsync(5_000)
  await refused
  gate.resolve()
  expect(await handle.call('count', undefined, { timeout: Number.POSITIVE_INFINITY })).toBe(40)
  expect(vi.getTimerCount()).toBe(0)
})

test('a call without a handler is rejected, and the worker keeps running (WORKER-6)', async () => {
  const { handle } = await startCounter()
  const untyped = handle as unknown as { call(name: string): Promise<unknown> }
  await expect(untyped.call('constructor')).rejects.toThrow(UsageError)
  await expect(untyped.call('remove')).rejects.toThrow(
    'unknown call "remove". Handlers in handleCall: count, later, wait',
  )
  expect(await handle.call('count')).toBe(40)
})

test.each([-1, Number.NaN, '5' as unknown as number])('refuses a timeout of %s', async (timeout) => {
  const { handle } = await startCounter()
  await expect(handle.call('count', undefined, { timeout })).rejects.toThrow(
    'the third argument of call(): `timeout` must be',
  )
})

test.each([
  [undefined, 'undefined'],
  [1, '1'],
  [{}, 'an empty object'],
  [{ stop: undefined }, '{ stop: undefined }'],
  [null, 'null'],
])('a handler that returns %s instead of a reply crashes', async (result, given) => {
  const supervisor = supervise()
  const worker = defineWorker({ name: 'w', init() {}, handleCall: { go: () => result as { reply: 1 } } })
  const handle = await supervisor.startChild({ worker, restart: 'temporary' })
  const error: unknown = await handle.call('go').catch((cause: unknown) => cause)
  const message = `handleCall.go must return { reply: value } or { stop: reason, reply? } (got ${given})`
  expect(error).toMatchObject({ reason: 'ended', cause: { cause: { code: 'PHX_ERR_RESULT', message } } })
})

test('a stopping worker answers earlier calls and rejects later ones (WORKER-4)', async () => {
  const { handle } = await startCounter()
  const gate = new Deferred()
  const waiting = handle.call('wait', gate.promise)
  const stopped = handle.stop()
  await vi.waitUntil(() => handle.info.status === 'stopping')
  const refused = handle.call('count')
  await expect(refused).rejects.toMatchObject({ reason: 'not_running' })
  gate.resolve()
  expect(await waiting).toBe('waited')
  await stopped
  expect(handle.send('add', 1)).toBe(false)
  await expect(handle.call('count')).rejects.toThrow(
    'call "count" was not answered: child "counter" is not a running worker',
  )
})
