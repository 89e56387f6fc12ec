import { expect, test } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import { Disconnection } from '../../../server/socket/disconnection.ts'
import { connect } from '../../helpers/one-channel.ts'

test('closes its connection with 1001 at the event `disconnect`, and at no other (ID-2)', async () => {
  const { client } = await connect({})
  const disconnection = new Disconnection(client.socket, 'user:1')
  disconnection.receive(new Broadcast('user:1', 'phx_close', {}))
  expect(client.transport.closeCode).toBeNull()
  disconnection.receive(new Broadcast('user:1', 'disconnect', { any: 'thing' }))
  expect(client.transport.closeCode).toBe(1001)
})
