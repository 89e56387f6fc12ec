import { expect, test } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { Unsent } from '../../../server/transport/unsent.ts'
import { WriteBatch } from '../../../server/transport/write-batch.ts'

/** A batch of frames of three bytes each. */
function batchOf(count: number): WriteBatch {
  let batch = WriteBatch.of(new Frame('text', 'x'))
  for (let n = 1; n < count; n += 1) batch = batch.with(new Frame('text', 'x'))
  return batch
}

test('batches that were sent are forgotten, a batch that was sent in part is not', () => {
  const unsent = new Unsent()
  for (const count of [1, 10, 2]) unsent.add(batchOf(count))
  const seen = [39, 36, 35, 7, 6, 1].map((bytes) => {
    unsent.look(bytes)
    return [unsent.bytes, unsent.frames]
  })
  expect(seen).toEqual([
    [39, 13],
    [36, 12],
    [35, 12],
    [7, 12],
    [6, 2],
    [1, 2],
  ])
})

test('bytes of other frames wait with them, but do not count as frames', () => {
  const unsent = new Unsent()
  unsent.add(batchOf(2))
  unsent.look(1_000)
  expect([unsent.bytes, unsent.frames, unsent.largest]).toEqual([1_000, 2, 3])
})
