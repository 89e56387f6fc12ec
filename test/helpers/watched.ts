import { onTestFinished, vi } from 'vitest'
import { Admin } from '../../server/admin/index.ts'
import { userSocket } from '../../server/app/user-socket.ts'
import { dashboardChannel } from '../../server/dashboard/dashboard-channel.ts'
import { NodeMonitor } from '../../server/dashboard/node-monitor.ts'
import { Watchers } from '../../server/dashboard/watchers.ts'
import { defineSocket } from '../../server/index.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'
import { supervise } from './supervise.ts'

/** A node with the channel of its dashboard; the test moves the time. */
export function watched(endpoint = new TestEndpoint()) {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
  })
  onTestFinished(() => void vi.useRealTimers())
  const supervisor = supervise()
  const own = new TestEndpoint()
  const admin = new Admin(endpoint, supervisor)
  const monitor = new NodeMonitor({ endpoint, supervisor, filterParameters: ['token', 'password'] })
  const watchers = new Watchers({ endpoint, own: () => own, admin, monitor })
  onTestFinished(() => watchers.stop())
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(dashboardChannel(admin, watchers))
  return {
    endpoint,
    supervisor,
    /** A page that has joined the dashboard, and the answer to its join. */
    async watch() {
      const client = await own.connect(socket)
      const [answer] = client.ask('["1","1","dashboard","phx_join",{}]')
      // Reads that began at once are done.
      await vi.advanceTimersByTimeAsync(0)
      return { client, answer: String(answer) }
    },
    /** A client in a room of the chat. */
    async enter(room: string, name: string): Promise<Client> {
      const client = await endpoint.connect(userSocket(null))
      const params = JSON.stringify({ name, client: name.toLowerCase() })
      client.send(`["1","1","room:${room}","phx_join",${params}]`)
      await vi.advanceTimersByTimeAsync(0)
      return client
    },
  }
}

/** The payloads of an event that a client of the dashboard has received. */
export function told(client: Client, event: 'nodes' | 'topics' | 'frames'): unknown[] {
  const frames = client.take().map((frame): unknown[] => JSON.parse(String(frame)))
  return frames.filter(([, , , name]) => name === event).map((frame) => frame[4])
}
