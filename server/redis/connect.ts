import { createClient, createCluster } from 'redis'
import { UsageError } from '../errors.ts'
import { CONNECT_MS, type GivenClient, OWN_OPTIONS, type Template } from './client.ts'
import { type Cluster, ClusterServers } from './cluster-servers.ts'
import type { RedisEngineOptions } from './options.ts'
import { Sentinels } from './sentinels.ts'
import { fixed, SingleServer } from './single-server.ts'
import type { Topology } from './topology.ts'

const DEFAULT_URL = 'redis://127.0.0.1:6379'
const PING_MS = 5_000
const REFRESH_MS = 1_000
const LONGEST_PAUSE_MS = 2_000

/** Where the options say that Redis is. @throws UsageError when they do not fit together. */
export function topologyOf(options: RedisEngineOptions): Topology {
  const { client, url, urls, sentinels } = options
  const ways = [client, urls, url ?? sentinels].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      'RedisEngine must be given one of `client`, `urls`, and `url` with or without `sentinels`',
    )
  }
  if (client !== undefined) return ofGiven(client)
  if (urls !== undefined) return ofCluster(urls)
  const template = templateOf(url ?? DEFAULT_URL)
  if (sentinels === undefined) return new SingleServer(fixed(template))
  if (url === undefined) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      'RedisEngine: `sentinels` needs a `url` whose host is the name of the server, e.g. redis://main',
    )
  }
  const name = new URL(url).hostname
  return new SingleServer(new Sentinels(name, template, sentinels.map(templateOf)))
}

function templateOf(url: string): Template {
  try {
    return createClient({ url })
  } catch (error) {
    // The URL may hold a password: neither it nor the error, which repeats it, is shown.
    const problem = error instanceof Error ? error.message : 'not a URL'
    const legal = 'a URL of Redis, such as redis://127.0.0.1:6379'
    throw new UsageError('PHX_ERR_OPTION', `RedisEngine: each URL must be ${legal} (${problem})`)
  }
}

function ofCluster(urls: readonly string[]): Topology {
  const templates = urls.map(templateOf)
  const rootNodes = templates.map(({ options: { socket } }) => ({ socket: { ...socket } }))
  return new ClusterServers(createCluster({ rootNodes, ...clusterOptions(templates[0]?.options ?? {}) }))
}

function ofGiven(client: GivenClient): Topology {
  if (isCluster(client)) {
    return new ClusterServers(client.duplicate(clusterOptions(client._options.defaults ?? {})))
  }
  // The rule of the option has found a client of one server.
  return new SingleServer(fixed(client as Template))
}

/** What a client of a cluster has that we make copies of. */
interface ClusterTemplate extends GivenClient {
  readonly _options: { readonly defaults?: object }
  duplicate(overrides?: object): Cluster
}

function isCluster(client: GivenClient): client is ClusterTemplate {
  return '_options' in client && 'nodeClient' in client
}

/** Of the servers' clients: what the template says of all servers, and how they are reconnected. */
function clusterOptions(template: { readonly socket?: object; readonly url?: string }): object {
  const { url: _url, socket, ...rest } = template
  return {
    ...OWN_OPTIONS,
    // Else the client would wait for every server before it is of use.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: REFRESH_MS,
    defaults: {
      ...rest,
      ...OWN_OPTIONS,
      pingInterval: PING_MS,
      socket: { ...socket, connectTimeout: CONNECT_MS, socketTimeout: 2 * PING_MS, reconnectStrategy },
    },
  }
}

function reconnectStrategy(retries: number): number {
  return Math.min(50 * 2 ** retries, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2)
}
