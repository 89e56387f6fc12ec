import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Extent, type RecoveryRequest, recoveryOf } from '../../../server/pubsub/history.ts'

const extent: Extent = { epoch: '7', low: 11, head: 20 }
const newcomer: RecoveryRequest = { since: null, last: 0, noted: null }
const at = (seq: number, epoch = '7') => ({ ...newcomer, since: { epoch, seq } })

it.each([10, 15, 20])(
  'recovers a client at sequence number %i, because all later broadcasts are kept (RECOVERY-4)',
  (seq) => {
    expect(recoveryOf(extent, at(seq))).toEqual({ epoch: '7', seq, head: 20, recovered: true })
  },
)

it.each([0, 9, 21])(
  'does not recover a client at sequence number %i, which continues from the head (RECOVERY-4)',
  (seq) => {
    expect(recoveryOf(extent, at(seq))).toEqual({ epoch: '7', seq: 20, head: 20, recovered: false })
  },
)

it('does not recover a client of another epoch, whatever its sequence number (RECOVERY-10)', () => {
  expect(recoveryOf(extent, at(15, '07'))).toMatchObject({ seq: 20, recovered: false })
  expect(recoveryOf({ epoch: '8', low: 1, head: 0 }, at(0))).toMatchObject({ seq: 0, recovered: false })
})

it('starts with the latest broadcasts that the client asked for, as far as they are kept (RECOVERY-3)', () => {
  expect(recoveryOf(extent, { ...newcomer, last: 3 }).seq).toBe(17)
  expect(recoveryOf(extent, { ...newcomer, last: 50 }).seq).toBe(10)
  expect(recoveryOf(extent, { ...at(3), last: 3 })).toMatchObject({ seq: 17, recovered: false })
  expect(recoveryOf(extent, { ...at(12), last: 3 })).toMatchObject({ seq: 12, recovered: true })
})

it('starts at the head from before the join ran, if all later broadcasts are kept (RECOVERY-6)', () => {
  expect(recoveryOf(extent, { ...newcomer, noted: { epoch: '7', seq: 18 } }).seq).toBe(18)
  expect(recoveryOf(extent, { ...newcomer, noted: { epoch: '7', seq: 18 }, last: 5 }).seq).toBe(15)
  expect(recoveryOf(extent, { ...newcomer, noted: { epoch: '7', seq: 9 } }).seq).toBe(20)
  // All broadcasts of a new epoch are later than a position of the old one.
  expect(recoveryOf(extent, { ...newcomer, noted: { epoch: '6', seq: 18 } }).seq).toBe(10)
})

it('recovers if and only if a model that lists the sequence numbers has all of them above the cursor', () => {
  const place = fc.integer({ min: 0, max: 12 })
  const epoch = fc.constantFrom('1', '2')
  fc.assert(
    fc.property(place, place, fc.record({ epoch, seq: place }), place, (head, kept, since, last) => {
      const low = Math.max(1, head - kept + 1)
      const model = new Set(Array.from({ length: head - low + 1 }, (_, index) => low + index))
      const missed = Array.from({ length: Math.max(0, head - since.seq) }, (_, n) => since.seq + 1 + n)
      const isWhole = since.epoch === '1' && since.seq <= head && missed.every((seq) => model.has(seq))
      const { seq, recovered } = recoveryOf({ epoch: '1', low, head }, { since, last, noted: null })
      expect(recovered).toBe(isWhole)
      expect(head - seq).toBe(isWhole ? missed.length : Math.min(last, model.size))
    }),
  )
})
