import { Type } from 'typebox'
import { bench, describe } from 'vitest'
import { EndpointServer } from '../../server/endpoint/endpoint.ts'
import { defineChannel, defineContract, defineSocket } from '../../server/index.ts'
import { connect } from '../../server/socket/connect.ts'
import { Socket } from '../../server/socket/socket.ts'
import { MemoryTransport } from '../../server/testing/memory-transport.ts'

const Body = Type.Object({ body: Type.String() })
const Room = defineContract({
  topic: 'room:*',
  incoming: {
    echo: { payload: Body, reply: Body },
    later: { payload: Body, reply: Body },
    new_msg: { payload: Body },
  },
  outgoing: { new_msg: Body },
})
const RoomChannel = defineChannel(Room, {
  join: () => ({ ok: {} }),
  handleIn: {
    echo: (payload) => ({ ok: payload }),
    later: async (payload) => ({ ok: payload }),
    new_msg: (payload, socket) => socket.broadcast('new_msg', payload),
  },
})
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(RoomChannel)

/** Opens `members` sockets in one room, on transports that drop all frames. Resolves with the first socket. */
async function room(members: number): Promise<Socket> {
  const endpoint = new EndpointServer()
  const sockets: Socket[] = []
  for (let member = 0; member < members; member++) {
    const handshake = await connect(UserSocket, { params: { vsn: '2.0.0' }, info: {} }, { report: () => {} })
    if ('refused' in handshake) throw new Error(handshake.refused)
    const socket = new Socket(endpoint, handshake, new ForgetfulTransport())
    socket.receive('["1","1","room:lobby","phx_join",{}]', 'text')
    sockets.push(socket)
  }
  return sockets[0] as Socket
}

class ForgetfulTransport extends MemoryTransport {
  override send(): void {}
}

const [alone, thousand] = await Promise.all([room(1), room(1_000)])
const message = (event: string) => JSON.stringify(['1', '2', 'room:lobby', event, { body: 'x'.repeat(64) }])
const [echo, later, newMessage] = ['echo', 'later', 'new_msg'].map(message) as [string, string, string]

describe('from bytes to bytes, without a network', () => {
  bench('echo: decode, check, handle, encode', () => alone.receive(echo, 'text'))
  bench('the same by a handler that is async', async () => {
    alone.receive(later, 'text')
    // Wait for the microtasks that send the reply.
    await Promise.resolve()
  })
  bench('broadcast to 1', () => alone.receive(newMessage, 'text'))
  bench('broadcast to 1,000', () => thousand.receive(newMessage, 'text'))
})
