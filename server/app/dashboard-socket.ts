import { tokenMatcher as matcher } from '../admin/index.ts'
import { defineSocket, type MountOptions } from '../index.ts'
import { dashboardChannel } from './channels/dashboard-channel.ts'
import type { Sampler } from './dashboard/sampler.ts'

/** Where the dashboard's page connects: a socket of its own, whose only key is DASHBOARD_TOKEN; without it none. */
export function dashboardMount(token: string | null, sampler: Sampler): Record<string, MountOptions> {
  if (token === null) return {}
  const isToken = matcher(token)
  const socket = defineSocket({
    // Not as a param, which would be in the address and so in logs.
    connect: (_params, { authToken = null }) =>
      authToken !== null && isToken(authToken) ? { ok: {} } : { error: 'unauthorized' },
  }).channel(dashboardChannel(sampler))
  return { '/dashboard/socket': { socket, authToken: true } }
}
