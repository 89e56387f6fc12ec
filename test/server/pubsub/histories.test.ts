import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { Histories } from '../../../server/pubsub/histories.ts'

const room = (topic: string, size?: number) => ({
  topic,
  outgoing: { msg: Type.Object({}) },
  history: { events: ['msg'], ...(size === undefined ? {} : { size }) },
})

it('finds the settings of a topic by its pattern, with defaults filled in', () => {
  const histories = new Histories([{ topic: 'bare:*' }, room('room:*'), room('lobby', 5)])
  expect(histories.of('lobby')?.size).toBe(5)
  expect(histories.of('room:a')).toEqual({
    pattern: 'room:*',
    size: 100,
    ttlMs: 300_000,
    maxBytes: 1_048_576,
    keyTtlMs: 300_000,
    onJoin: 0,
    events: new Set(['msg']),
  })
  expect([histories.of('bare:a'), histories.of('lobby2')]).toEqual([null, null])
})

it('accepts overlapping patterns with the same history, and refuses different ones', () => {
  expect(() => new Histories([room('room:*'), room('room:lobby'), room('room:*')])).not.toThrow()
  expect(() => new Histories([room('room:*'), room('room:lobby', 5)])).toThrow(
    'contracts whose topics overlap must have equal `history` settings (those of "room:*" and "room:lobby" differ)',
  )
})
