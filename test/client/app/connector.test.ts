import { expect, onTestFinished, test, vi } from 'vitest'
import type { Connection } from '../../../client/app/connection.ts'
import { Connector } from '../../../client/app/connector.ts'
import { memoryStore } from '../../../client/app/store.ts'
import { keepToken } from '../../../client/app/token.ts'
import { stopTimers } from '../../helpers/official-socket.ts'

const SIGNED_OUT = { hasUsers: true, canSignIn: true, user: null, rooms: null }
const SIGNED_IN = { ...SIGNED_OUT, user: { id: 'ann', name: 'Ann' } }

/** WebSocket that never leaves the state in which a test puts it. */
class FakeWebSocket {
  static readonly all: FakeWebSocket[] = []
  readyState = 0
  onopen: () => void = () => {}

  constructor() {
    FakeWebSocket.all.push(this)
  }

  open(): void {
    this.readyState = 1
    this.onopen()
  }

  send(): void {}

  close(): void {
    this.readyState = 3
  }
}

/** Create a connector. `answers` are the responses of the server, in order; a request fails if an answer is null. */
function start(...answers: (object | null)[]) {
  FakeWebSocket.all.length = 0
  const fetch = vi.fn(async () => {
    const answer = answers.shift() ?? null
    return answer === null ? new Response(null, { status: 503 }) : Response.json(answer)
  })
  for (const [name, value] of Object.entries({
    location: new URL('http://chat.test/'),
    navigator: { onLine: true },
    WebSocket: FakeWebSocket,
    fetch,
  })) {
    vi.stubGlobal(name, value)
  }
  onTestFinished(() => void vi.unstubAllGlobals())
  const store = memoryStore()
  const shown: Connection['state'][] = []
  const show = ({ state }: Connection) => void shown.push(state)
  const connector = new Connector({ store, show, session: vi.fn(), interrupted: vi.fn() })
  onTestFinished(() => stopTimers(connector.socket))
  return { connector, fetch, shown, store, sockets: FakeWebSocket.all }
}

test('after a sign-in the page connects, even if the request about the session fails', async () => {
  const { connector, shown, store, sockets } = start(SIGNED_OUT, null, SIGNED_IN)
  await connector.ask()
  keepToken('a.b.c', store)
  await connector.restart()
  expect([connector.isSignedOut, sockets.length]).toEqual([false, 1])

  sockets[0]?.open()

  expect(shown).toEqual(['signed-out', 'connecting', 'connected'])
  await expect.poll(() => connector.session).toEqual(SIGNED_IN)
})

test('a page that connects asks about its session only if the server has not answered yet', async () => {
  const { connector, fetch, sockets } = start(SIGNED_IN)
  await connector.ask()
  connector.connect()
  sockets[0]?.open()
  expect(fetch).toHaveBeenCalledTimes(1)
})
