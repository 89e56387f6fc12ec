import { onTestFinished } from 'vitest'
import type { Auth } from '../../server/app/auth.ts'
import { Room } from '../../server/app/contracts/room.ts'
import { userSocket } from '../../server/app/user-socket.ts'
import { testEndpoint } from '../../server/testing/index.ts'
import { auth, type Person, signedIn } from './tokens.ts'

/** The chat's socket without a network until the end of the test: connects people who join its rooms. */
export async function testChat(checks: Auth | null = auth) {
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': userSocket(checks) } })
  onTestFinished(close)
  /** With a token of the person where auth is on. */
  const connect = (person?: Person) => endpoint.connect('/socket', signedIn(person))
  const join = async (person: Person = {}, room = 'lobby') =>
    (await connect(person)).subscribeAndJoin(Room, `room:${room}`, person)
  return { endpoint, connect, join }
}
