import { expect, test, vi } from 'vitest'
import { answerLong, askLong } from '../../../server/transport/long-question.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { MemoryNodes } from '../../helpers/memory-nodes.ts'

/** A node that asks another, whose answer the test gives. */
function setUp() {
  useFakeTimers()
  const cluster = new Map<string, MemoryNodes>()
  const [asker, owner] = [new MemoryNodes('asker', cluster), new MemoryNodes('owner', cluster)]
  const answer = new Deferred<unknown>()
  const asked: { body: object; signal: AbortSignal }[] = []
  answerLong(owner, 'q', (body, signal) => {
    asked.push({ body, signal })
    return answer.promise
  })
  const hungUp = new AbortController()
  const ask = () => {
    const state = {
      isDone: false,
      outcome: askLong(asker, 'owner', { question: 'q', body: { n: 1 }, signal: hungUp.signal }),
    }
    void state.outcome.then(() => {
      state.isDone = true
    })
    return state
  }
  return { cluster, owner, answer, asked, ask, hungUp }
}

test('a question that is answered at once is sent once', async () => {
  const { owner, answer, asked, ask } = setUp()
  answer.resolve({ m: 2 })
  expect(await ask().outcome).toEqual({ answer: { m: 2 } })
  expect(asked.map(({ body }) => body)).toEqual([{ n: 1 }])
  expect(owner.heard).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('an answer may take any time, and the body is sent only once', async () => {
  const { owner, answer, asked, ask } = setUp()
  const { outcome } = ask()
  await vi.advanceTimersByTimeAsync(20_000)
  answer.resolve(null)
  expect(await outcome).toEqual({ answer: null })
  expect(asked).toHaveLength(1)
  expect(owner.heard.filter(([, body]) => JSON.stringify(body).includes('"n"'))).toHaveLength(1)
  expect(owner.heard.length).toBeGreaterThan(5)
})

test('an unknown node is gone at once', async () => {
  const { cluster, ask } = setUp()
  cluster.delete('owner')
  expect(await ask().outcome).toBeUndefined()
})

test('a node that stops answering is gone within five seconds, whenever it stops', async () => {
  for (const silentAfter of [0, 1_000, 2_999, 3_001]) {
    const { owner, ask } = setUp()
    const state = ask()
    await vi.advanceTimersByTimeAsync(silentAfter)
    owner.isSilent = true
    await vi.advanceTimersByTimeAsync(4_999)
    expect(state.isDone, `${silentAfter}`).toBe(true)
    expect(await state.outcome).toBeUndefined()
  }
})

test('a node whose answer was lost is not gone while it shows a sign of life', async () => {
  const { owner, answer, asked, ask } = setUp()
  const { outcome } = ask()
  owner.isSilent = true
  answer.resolve('unheard')
  await vi.advanceTimersByTimeAsync(3_100)
  owner.isSilent = false
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await outcome).toBe('lost')
  expect(asked).toHaveLength(1)
})

test('a node that lost a slice, and shows a sign of life, is asked for its answer again', async () => {
  const { owner, answer, asked, ask } = setUp()
  const { outcome } = ask()
  owner.isSilent = true
  await vi.advanceTimersByTimeAsync(3_100)
  owner.isSilent = false
  answer.resolve('late')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await outcome).toEqual({ answer: 'late' })
  expect(asked).toHaveLength(1)
})

test('an asker that no longer waits tells the other node', async () => {
  const { answer, asked, ask, hungUp } = setUp()
  const { outcome } = ask()
  await vi.advanceTimersByTimeAsync(1)
  hungUp.abort()
  await vi.advanceTimersByTimeAsync(1)
  expect(asked[0]?.signal.aborted).toBe(true)
  answer.resolve('nothing')
  expect(await outcome).toEqual({ answer: 'nothing' })
})

test('an asker that no longer waits stops asking, even if the other node did not get the message', async () => {
  const { owner, ask, hungUp } = setUp()
  const { outcome } = ask()
  await vi.advanceTimersByTimeAsync(1)
  hungUp.abort()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(await outcome).toBe('lost')
  expect(owner.heard).toHaveLength(2)
})

test('a question whose asker does not ask again is given up, and its result is lost', async () => {
  const { cluster, owner, answer, asked } = setUp()
  const other = new MemoryNodes('other', cluster)
  await Promise.all([other.ask('owner', 'q', { id: 'i', body: {} }), vi.advanceTimersByTimeAsync(7_899)])
  expect(asked[0]?.signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(asked[0]?.signal.aborted).toBe(true)
  answer.resolve('too late')
  expect(await other.ask('owner', 'q', { id: 'i' })).toBe('lost')
  expect(owner.heard).toHaveLength(2)
})
