import { expect, it } from 'vitest'
import { readSnapshot } from '../../../server/redis/presence-snapshot.ts'
import { redisUrl } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'

it('reads the version and all presences, and skips malformed entries', async () => {
  const connection = await TestConnection.open({ url: await redisUrl() })
  const key = connection.keys.ofTopic('room:a', 'presence', 'room:*')
  expect(await readSnapshot(connection, key)).toEqual({ version: 0, entries: [] })
  const fields = ['version', '7', 'n.1/F1', '["ann",{"phx_ref":"F1"}]', 'n.1/F2', '"later"']
  await connection.command(key, ['HSET', key, ...fields])
  expect(await readSnapshot(connection, key)).toEqual({
    version: 7,
    entries: [{ field: 'n.1/F1', incarnation: 'n.1', presence: { key: 'ann', meta: { phx_ref: 'F1' } } }],
  })
})
