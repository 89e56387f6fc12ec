import { hostname } from 'node:os'
import { defineChannel } from '../../index.ts'
import { Dashboard } from '../contracts/dashboard.ts'
import type { Sampler } from '../dashboard/sampler.ts'

/** The channel of the dashboard: who is on it watches. Broadcasts bring what the sampler reads. */
export function dashboardChannel(sampler: Sampler) {
  return defineChannel(Dashboard, {
    join(_params, socket) {
      sampler.watch(socket.id)
      const startedAt = Math.round(Date.now() - process.uptime() * 1_000)
      const { pid, version } = process
      return { ok: { id: sampler.node, host: hostname(), pid, version, startedAt } }
    },

    terminate(_reason, socket) {
      sampler.leave(socket.id)
    },
  })
}
