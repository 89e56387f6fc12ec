import { expect, test } from 'vitest'
import { slotOf } from '../../../server/redis/slot.ts'
import { freePort, startRedis } from '../../helpers/redis.ts'

test('computes the same slot for a key as Redis', async () => {
  const bus = ['--cluster-port', String(await freePort())]
  const server = await startRedis('--cluster-enabled', 'yes', ...bus)
  const keys = [
    '',
    'foo',
    '123456789',
    '{user1000}.following',
    'foo{}{bar}',
    'foo{{bar}}zap',
    'a}b{c}',
    'ü🙂',
    '{',
  ]
  const theirs: number[] = []
  for (const key of keys) theirs.push(Number(await server.cli('CLUSTER', 'KEYSLOT', key)))
  expect(keys.map(slotOf)).toEqual(theirs)
  expect(slotOf('123456789')).toBe(0x31c3)
})
