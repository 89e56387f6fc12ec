import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { serve } from '../conformance/checklist/fixture.ts'
import { answer, load } from '../conformance/checklist/official-client.ts'
import { endAfterTest, SOON } from '../helpers/official-socket.ts'
import { signedIn } from '../helpers/tokens.ts'
import { until } from '../helpers/until.ts'

type Socket = InstanceType<Awaited<ReturnType<typeof load>>['Socket']>
type Channel = ReturnType<Socket['channel']>

/** A client of this version; it does not wait for long before it comes back. */
async function open(version: string, base: string): Promise<Socket> {
  const { Socket } = load(version)
  const options = {
    params: signedIn(),
    transport: WebSocket,
    ...SOON,
  }
  const socket = new Socket(`${base.replace('http', 'ws')}/socket`, options as object)
  endAfterTest(socket)
  socket.connect()
  return socket
}

/** Messages that the members of a room receive. */
function listen(channel: Channel): unknown[] {
  const heard: unknown[] = []
  channel.on('bc', (payload) => void heard.push(payload))
  return heard
}

const versions = ['phoenix-1.3', 'phoenix-1.4', 'phoenix-1.5', 'phoenix-1.6', 'phoenix-1.7', 'phoenix']

test.each(versions)('%s and the latest version chat, and both reconnect after a restart', async (version) => {
  const { app, base } = await serve()
  const sockets = [await open(version, base), await open('phoenix', base)]
  const [one, two] = sockets.map((socket) => socket.channel('room:m', {})) as [Channel, Channel]
  const heard = [listen(one), listen(two)]
  expect(await answer(one.join())).toEqual({})
  expect(await answer(two.join())).toEqual({})

  one.push('bc', { n: 1 })
  await until(() => heard.every((payloads) => payloads.length === 1))
  two.push('bc', { n: 2 })
  await until(() => heard.every((payloads) => payloads.length === 2))

  const lost = [
    new Promise((resolve) => one.onError(resolve)),
    new Promise((resolve) => two.onError(resolve)),
  ]
  await app.close()
  await Promise.all(lost)
  await serve({}, Number(new URL(base).port))
  // Before the server, which is to go next: 1.3 would try to come back for ever.
  onTestFinished(() => {
    for (const socket of sockets) socket.disconnect()
  })
  await until(() => one.state === 'joined' && two.state === 'joined')

  expect(await answer(one.push('echo', { back: true }))).toEqual({ back: true })
  two.push('bc', { n: 3 })
  await until(() => heard.every((payloads) => payloads.length === 3))
  expect(heard).toEqual([
    [{ n: 1 }, { n: 2 }, { n: 3 }],
    [{ n: 1 }, { n: 2 }, { n: 3 }],
  ])
})

test.each(versions)('%s gets refusals, stops and crashes, and can leave and rejoin', async (version) => {
  const socket = await open(version, (await serve()).base)
  await expect(answer(socket.channel('room:refuse', {}).join())).rejects.toEqual({ reason: 'no' })
  await expect(answer(socket.channel('nowhere', {}).join())).rejects.toEqual({ reason: 'unmatched topic' })

  const channel = socket.channel('room:m', {})
  await answer(channel.join())
  await expect(answer(channel.push('err', { a: 1 }))).rejects.toEqual({ a: 1 })
  const closed = new Promise<void>((resolve) => channel.onClose(() => resolve()))
  channel.push('stop_normal', {})
  await closed

  const again = socket.channel('room:m', {})
  await answer(again.join())
  expect(await answer(again.leave())).toEqual({})
  const third = socket.channel('room:m', {})
  await answer(third.join())
  expect(await answer(third.push('echo', { n: [1] }))).toEqual({ n: [1] })
})
