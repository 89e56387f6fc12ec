import { expect, it } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { heldBytes } from '../helpers/memory.ts'
import { serveChannel } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

const MiB = 1_048_576
const CLIENTS = 60

/** A masked text frame of 1 MiB, but for its last byte. */
const unfinished = Buffer.concat([
  Buffer.from('81ff000000000010000000000000', 'hex'),
  Buffer.alloc(MiB - 1, 'x'),
])

it('messages that never end are dropped, and their connections closed with 1002 (CLOSE-5)', async () => {
  const websocket = { messageTimeout: 1_000 }
  const server = await serveChannel({}, { websocket, limits: { sweepInterval: 50 } })
  const [bystander] = await server.join()
  const before = heldBytes()
  const offenders = await Promise.all(Array.from({ length: CLIENTS }, () => server.connect()))
  for (const [{ tcp }] of offenders) tcp?.write(unfinished)
  await until(() => offenders.every(([, net]) => net.bytesRead > MiB), { timeout: 10_000 })
  expect(heldBytes() - before).toBeLessThan(CLIENTS * 1.5 * MiB)
  expect(new Set(await Promise.all(offenders.map(([{ closed }]) => closed)))).toEqual(new Set([1002]))
  await until(() => serverOf(server.app.endpoint).sockets.size === 1, { timeout: 10_000 })
  expect(heldBytes() - before).toBeLessThan(10 * MiB)
  await bystander.nothing()
})
