import { onTestFinished, vi } from 'vitest'
import { dashboardChannel } from '../../server/app/channels/dashboard-channel.ts'
import { Counting } from '../../server/app/counting.ts'
import { Sampler } from '../../server/app/dashboard/sampler.ts'
import { Rooms } from '../../server/app/rooms.ts'
import { userSocket } from '../../server/app/user-socket.ts'
import { LoopDelayWindow as LoopDelay } from '../../server/health/loop-delay-window.ts'
import { defineSocket } from '../../server/index.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'
import { supervise } from './supervise.ts'

/** A system with a sampler, whose time the test moves. */
export function watched() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const supervisor = supervise()
  const endpoint = new TestEndpoint()
  const loopDelay = new LoopDelay()
  onTestFinished(() => loopDelay.stop())
  const rooms = new Rooms(endpoint)
  const counting = new Counting(() => endpoint)
  const sampler = new Sampler({
    endpoint: () => endpoint,
    rooms: () => rooms,
    counting,
    loopDelay,
    supervisor,
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(dashboardChannel(sampler))
  return {
    endpoint,
    rooms,
    supervisor,
    counting,
    /** Somebody who has joined the dashboard, and the answer to that. */
    async watch() {
      const client = await endpoint.connect(socket)
      const [answer] = client.ask('["1","1","dashboard","phx_join",{}]')
      // What is read at once has been read.
      await vi.advanceTimersByTimeAsync(0)
      return { client, answer: String(answer) }
    },
    /** Somebody who is in a room of the chat. */
    async enter(room: string, name: string): Promise<Client> {
      const client = await endpoint.connect(userSocket(null))
      const params = JSON.stringify({ name, client: name.toLowerCase() })
      client.send(`["1","1","room:${room}","phx_join",${params}]`)
      await vi.advanceTimersByTimeAsync(0)
      return client
    },
  }
}

/** The payloads of an event that have come to a client of the dashboard. */
export function told(client: Client, event: 'figures' | 'rooms'): unknown[] {
  const frames = client.take().map((frame): unknown[] => JSON.parse(String(frame)))
  return frames.filter(([, , , name]) => name === event).map((frame) => frame[4])
}
