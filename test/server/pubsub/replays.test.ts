import { expect, onTestFinished, test, vi } from 'vitest'
import { Replays } from '../../../server/pubsub/replays.ts'

const kept = (seq: number, json = '{"n":1}') => ({ seq, at: 0, event: 'msg', from: null, json })

test('clients that rejoin within a short time share a broadcast, later ones do not', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const replays = new Replays()
  const first = kept(1)
  const made = replays.of('room:a', first)
  expect(made).toMatchObject({ topic: 'room:a', event: 'msg', seq: 1, payload: { n: 1 } })
  vi.advanceTimersByTime(99)
  expect(replays.of('room:a', first)).toBe(made)
  vi.advanceTimersByTime(1)
  expect(replays.of('room:a', first)).not.toBe(made)
})

test('shared broadcasts never hold more than 1 MiB of JSON', () => {
  const replays = new Replays()
  const large = JSON.stringify({ text: 'x'.repeat(600_000) })
  const [first, second] = [kept(1, large), kept(2, large)]
  const made = replays.of('room:a', first)
  expect(replays.of('room:a', first)).toBe(made)
  replays.of('room:a', second)
  expect(replays.of('room:a', first)).not.toBe(made)
})
