import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { anything, checkOption, rule, string } from '../../protocol/check.ts'
import { Admin } from '../admin/index.ts'
import { isEndpoint, serverOf } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { checkEndpoint } from '../errors.ts'
import {
  type Authorize,
  type GuardOptions,
  guard,
  guardRules,
  requiredAuthorizeOf,
} from '../operator/guard.ts'
import { pluginOptions } from '../operator/plugin-options.ts'
import { phoenix } from '../plugin.ts'
import { defineSocket } from '../socket/define-socket.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { defaultFilter, filterRule } from '../telemetry/filter-parameters.ts'
import { dashboardChannel } from './dashboard-channel.ts'
import { NodeMonitor } from './node-monitor.ts'
import { servePage } from './page-files.ts'
import { Watchers } from './watchers.ts'

/** Options of the dashboard. Either `token` or `authorize` must be set. */
export type DashboardOptions = GuardOptions & {
  /** The endpoint of this node. */
  readonly endpoint: Endpoint
  /** Path of the page. Default: `'/dashboard'`. */
  readonly path?: string
  /** Supervisor whose workers are shown and can be restarted. Default: none. */
  readonly supervisor?: Supervisor
  /**
   * The frame log hides values whose key contains one of these words, or one of the `filterParameters` of the socket
   * that the frame belongs to. Default: `password`, `token`, `secret`.
   */
  readonly filterParameters?: readonly string[]
  /** Folder of the built page. Default: the folder in this package. */
  readonly root?: string
}

const dashboardOptions = pluginOptions<DashboardOptions>({
  ...guardRules,
  path: rule(
    'one or more path segments such as /dashboard, without a final slash ' +
      'and with only the characters A-Z, a-z, 0-9, "-", ".", "_" and "~"',
    (value) => typeof value === 'string' && /^(\/[\w.~-]+)+$/.test(value),
  ),
  supervisor: anything,
  filterParameters: filterRule,
  root: string,
})

/**
 * Plugin with the dashboard: a page that shows all nodes of the cluster, and a socket for the page. Only the page's
 * files, which contain no secrets, are served without authorization. The socket has an endpoint of its own. So the
 * figures and limits of `options.endpoint` do not include the dashboard's own connections.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option, or if neither `token` nor `authorize` is set; with
 * `PHX_ERR_NO_ENDPOINT` if the endpoint is missing.
 */
export async function dashboard(app: FastifyInstance, options: DashboardOptions): Promise<void> {
  checkOption('dashboard', options, dashboardOptions)
  const { endpoint, path = '/dashboard', supervisor = null } = options
  checkEndpoint('dashboard', endpoint, isEndpoint)
  const authorize = requiredAuthorizeOf('dashboard', options)
  const admin = new Admin(endpoint, supervisor)
  const filterParameters = options.filterParameters ?? defaultFilter
  const monitor = new NodeMonitor({ endpoint, supervisor, filterParameters })
  const watchers = new Watchers({ endpoint, own: () => serverOf(app.endpoint), admin, monitor })
  const socket = socketOf(authorize, admin, watchers)
  // Disable long-poll: each worker process that shares the port has its own dashboard, so the requests of one page
  // could reach different processes.
  const mount = { socket, authToken: true, longpoll: false } as const
  await app.register(phoenix, { sockets: { [`${path}/socket`]: mount } })
  app.addHook('onClose', async () => watchers.stop())
  const access = options.token === undefined ? 'request' : 'token'
  await servePage(app, { root: options.root ?? pageRoot(), path, access })
  // Lets the page check its token, because a browser does not tell a page why the server refused its socket.
  app.get(`${path}/token`, { logLevel: 'warn', onRequest: guard(authorize) }, (_request, reply) =>
    reply.code(204).send(),
  )
}

/** Socket of the page. The token is sent as a sub-protocol, because a param would appear in logs. */
function socketOf(authorize: Authorize, admin: Admin, watchers: Watchers) {
  return defineSocket({
    connectInfo: ['request', 'authToken'],
    async connect(_params, { request, authToken }) {
      if (authToken !== null) request.headers.authorization = `Bearer ${authToken}`
      return (await authorize(request)) ? { ok: {} } : { error: 'unauthorized' }
    },
  }).channel(dashboardChannel(admin, watchers))
}

/** Folder of the built page. In the built package, this is `dist/dashboard/`, beside `dist/dashboard.js`. */
function pageRoot(): string {
  return fileURLToPath(new URL('./dashboard/', import.meta.url))
}
