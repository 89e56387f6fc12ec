import { expect, test } from 'vitest'
import {
  formatByteRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatTime,
} from '../../../client/dashboard/format.ts'

test.each([
  [0, '0'],
  [2.345, '2.3'],
  [1_234.5, '1,235'],
  [1_234_567, '1.2M'],
])('%d things are shown as %s', (value, text) => {
  expect(formatCount(value)).toBe(text)
})

test.each([
  [0, '0 ms'],
  [0.0712, '0.07 ms'],
  [12.34, '12.3 ms'],
  [1_234, '1,234 ms'],
  [12_340, '12.3 s'],
])('%d milliseconds are shown as %s', (value, text) => {
  expect(formatMs(value)).toBe(text)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_500, '1.5 kB'],
  [123_456_789, '123 MB'],
  [5e15, '5,000 TB'],
])('%d bytes are shown as %s', (value, text) => {
  expect(formatBytes(value)).toBe(text)
  expect(formatByteRate(value)).toBe(`${text}/s`)
})

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [61_000, '1 min 1 s'],
  [3_600_000, '1 h 0 min'],
  [90_061_000, '1 d 1 h'],
])('a duration of %d milliseconds is shown as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('a time of day is shown with seconds if minutes would repeat', () => {
  const time = Date.parse('2026-01-02T03:04:05') / 1_000
  expect([formatTime(time, 60), formatTime(time, 30)]).toEqual(['03:04', '03:04:05'])
})
