import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { turn } from '../../helpers/deferred.ts'
import { connectTo, JOIN, JOINED } from '../../helpers/one-channel.ts'

const REFUSED = '["1","1","room:a","phx_reply",{"response":{"reason":"unauthorized"},"status":"error"}]'

test.each([
  ['true', () => true, JOINED],
  ['a promise of true', async () => true, JOINED],
  ['false', () => false, REFUSED],
  ['a promise of false', async () => false, REFUSED],
  ['a value that is not a boolean', () => 'yes' as never, REFUSED],
])('an authorize that returns %s decides the join (AUTH-6)', async (_what, authorize, answer) => {
  const { client } = await connectTo(defineUntypedChannel('room:*', { authorize, join: () => ({ ok: {} }) }))
  client.send(JOIN)
  await turn()
  expect(client.take()).toEqual([answer])
})

test('is called with the assigns of the socket and the topic', async () => {
  const asked: unknown[] = []
  const { client } = await connectTo(
    defineUntypedChannel('room:*', {
      authorize(assigns: object, topic) {
        asked.push(assigns, topic)
        return true
      },
      join: () => ({ ok: {} }),
    }),
  )
  client.ask(JOIN)
  expect(asked).toEqual([{}, 'room:a'])
})

test('a result that is not a boolean refuses the join, and is reported (AUTH-6)', async () => {
  const authorize = async () => 'yes' as never
  const { client, endpoint } = await connectTo(
    defineUntypedChannel('room:*', { authorize, join: () => ({ ok: {} }) }),
  )
  client.send(JOIN)
  await turn()
  expect(client.take()).toEqual([REFUSED])
  expect(endpoint.errors).toMatchObject([{ callback: 'authorize' }])
  expect(endpoint.causes).toMatchObject([{ message: "authorize must return true or false (got 'yes')" }])
})
