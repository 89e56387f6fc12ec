import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel, phoenix } from '../../../server/index.ts'
import { connect } from '../../helpers/raw-client.ts'

const Room = defineUntypedChannel('room:*', {
  join: () => ({ ok: {} }),
  handleIn: { echo: () => ({ ok: {} }) },
})
const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)
const join = (n: number) => `["${n}","${n}","room:${n}","phx_join",{}]`

/** A server of two mounts, of which `/small` has limits of its own. */
async function serve() {
  const app = fastify()
  onTestFinished(() => app.close())
  const limits = { maxChannels: 1, messageRate: 1, messageBurst: 1 }
  const sockets = { '/large': socket, '/small': { socket, limits } }
  await app.register(phoenix, { sockets, limits: { maxChannels: 2 } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return (path: string) => connect(`${base.replace('http', 'ws')}${path}/websocket?vsn=2.0.0`)
}

test('a mount can limit the channels of its connections; other mounts use the limit of the plugin', async () => {
  const come = await serve()
  const [large, small] = [await come('/large'), await come('/small')]
  for (const client of [large, small]) client.send(join(1), join(2), join(3))
  const statuses = async (client: typeof large) => {
    const frames = [await client.next(), await client.next(), await client.next()]
    return frames.map((frame) => JSON.parse(String(frame))[4].status)
  }
  expect(await statuses(large)).toEqual(['ok', 'ok', 'error'])
  expect(await statuses(small)).toEqual(['ok', 'error', 'error'])
})

test('a mount can limit the message rate of its connections', async () => {
  const come = await serve()
  const small = await come('/small')
  small.send(join(1), '["1","2","room:1","echo",{}]', '["1","3","room:1","echo",{}]')
  await small.next()
  const [second, third] = [await small.next(), await small.next()].map((frame) => JSON.parse(String(frame)))
  expect([second[4], third[4]]).toMatchObject([
    { status: 'ok' },
    { status: 'error', response: { reason: 'rate_limited' } },
  ])
})
