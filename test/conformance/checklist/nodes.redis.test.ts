import { it } from 'vitest'
import { PresenceNode } from '../../helpers/presence-node.ts'
import { ownPrefix, startRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'
import { Wire } from '../../helpers/wire.ts'

it('B203 the members of a lost node leave after its lease, and join again when it is back', async () => {
  const redis = await startRedis()
  const wire = await Wire.to(redis.port)
  const options = { prefix: ownPrefix(), lease: 1_000 }
  const lost = await PresenceNode.start({ ...options, url: `redis://127.0.0.1:${wire.port}` })
  const other = await PresenceNode.start({ ...options, url: redis.url })
  await lost.join('ann')
  const bob = await other.join('bob')
  await until(() => 'ann' in bob.view)
  wire.cut()
  await until(() => !('ann' in bob.view))
  wire.mend()
  await until(() => 'ann' in bob.view)
})
