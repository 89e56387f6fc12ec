import { expect, test } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import type { RedisConnection } from '../../../server/redis/connection.ts'
import { HistoryReader } from '../../../server/redis/history-reader.ts'
import { encodeBroadcast } from '../../../server/redis/message.ts'
import { SETTINGS } from '../../helpers/history-settings.ts'

const [OLD, NEW] = ['1000000000000000001', '2000000000000000002']

/** Entry of a stream, as Redis sends it. */
function entry(epoch: string, seq: number) {
  const message = encodeBroadcast('', new Broadcast('room:a', 'said', { n: seq }))
  return [
    Buffer.from(`${epoch}-${seq}`),
    [Buffer.from('m'), message, Buffer.from('t'), Buffer.from(String(Date.now()))],
  ]
}

test('a part that is read while the epoch changes has the sequence numbers of the new epoch only', async () => {
  const seqs = Array.from({ length: 300 }, (_, index) => 300 - index)
  let reads = 0
  const orderedScript = async (_script: unknown, _keys: unknown, args: readonly string[]) => {
    const [, , , , , place = '', count] = args
    const before = place === '' ? Number.POSITIVE_INFINITY : Number(place.split('-').at(-1))
    const found = seqs.filter((seq) => seq < before).slice(0, Number(count))
    const rows = found.map((seq) => entry(OLD, seq))
    reads += 1
    return reads === 1 ? [OLD, 300, 1, 0, Date.now(), rows] : [NEW, 0, 1, 1, Date.now(), rows]
  }
  const connection = { keys: { ofTopic: () => 'log' }, orderedScript } as unknown as RedisConnection
  const reader = new HistoryReader(connection, false, () => {})
  const { epoch, head, entries } = await reader.part('room:a', SETTINGS, { last: 300 })
  expect([reads, epoch, head, entries.length]).toEqual([2, NEW, 0, 300])
  expect(new Set(entries.map(({ seq }) => seq))).toEqual(new Set([0]))
})
