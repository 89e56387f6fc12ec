import { expect, test } from 'vitest'
import { ThrottledLog } from '../../../server/telemetry/throttled-log.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

/** A log, and what it has written: the kind, the number and the count of each line. */
function setUp() {
  useFakeTimers()
  const lines: [kind: string, n: number, count: number][] = []
  const log = new ThrottledLog()
  const write = (kind: string, n: number) => log.write(kind, (count) => void lines.push([kind, n, count]))
  return { log, lines, write, now: performance.now() }
}

test('writes the first line of a kind at once, and then at most one per second, with the count', () => {
  const { log, lines, write, now } = setUp()
  for (let n = 1; n <= 20_000; n += 1) write('flood', n)
  write('other', 1)
  expect(lines).toEqual([
    ['flood', 1, 1],
    ['other', 1, 1],
  ])
  log.sweep(now + 999)
  expect(lines).toHaveLength(2)
  log.sweep(now + 1_000)
  expect(lines.slice(2)).toEqual([['flood', 20_000, 19_999]])
  write('flood', 7)
  log.sweep(now + 1_999)
  expect(lines).toHaveLength(3)
  log.sweep(now + 2_000)
  expect(lines.slice(3)).toEqual([['flood', 7, 1]])
})

test('writes a line at once again after a second without one', () => {
  const { log, lines, write, now } = setUp()
  write('flood', 1)
  log.sweep(now + 1_000)
  write('flood', 2)
  expect(lines).toEqual([
    ['flood', 1, 1],
    ['flood', 2, 1],
  ])
})

test('flush writes waiting lines once', () => {
  const { log, lines, write } = setUp()
  for (let n = 1; n <= 3; n += 1) write('flood', n)
  log.flush()
  log.flush()
  expect(lines.slice(1)).toEqual([['flood', 3, 2]])
})
