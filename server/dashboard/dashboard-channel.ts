import type { Admin } from '../admin/index.ts'
import { defineChannel } from '../channel/define-channel.ts'
import { Dashboard, type LoggedFrame } from './contract.ts'
import type { Watchers } from './watchers.ts'

/** Channel of the dashboard's page. The page receives the figures, and sends the operator's actions. */
export function dashboardChannel(admin: Admin, watchers: Watchers) {
  return defineChannel(Dashboard, {
    join(_params, socket) {
      watchers.join(socket.id)
      return { ok: admin.node }
    },

    handleIn: {
      log(query, socket) {
        watchers.log(socket.id, query.by === 'nothing' ? null : query)
        return { ok: { done: true } }
      },
      async disconnect({ socketId }) {
        return { ok: { done: await admin.disconnect(socketId) } }
      },
      async broadcast({ topic, event, payload }) {
        return { ok: { done: await admin.broadcast(topic, event, payload) } }
      },
      async restart({ node, worker }) {
        return { ok: { done: await admin.restartWorker(node, worker) } }
      },
    },

    handleInfo: {
      frames(frames: LoggedFrame[], socket) {
        socket.push('frames', { frames })
      },
    },

    terminate(_reason, socket) {
      watchers.leave(socket.id)
    },
  })
}
