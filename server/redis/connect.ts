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
      'RedisEngine takes one of client, urls, and url with sentinels or without',
    )
  }
  if (client !== undefined) return ofGiven(client)
  if (urls !== undefined) return ofCluster(urls)
  const template = templateOf(url ?? DEFAULT_URL)
  if (sentinels === undefined) return new SingleServer(fixed(template))
  if (url === undefined || sentinels.length === 0) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      'sentinels needs at least one URL, and url their name for the server',
    )
  }
  const name = new URL(url).hostname
  return new SingleServer(new Sentinels(name, template, sentinels.map(templateOf)))
}

function templateOf(url: string): Template {
  try {
    return createClient({ url })
  } catch (error) {
    throw new UsageError('PHX_ERR_OPTION', `"${url}" is no URL of Redis`, { cause: error })
  }
}

function ofCluster(urls: readonly string[]): Topology {
  const [first, ...others] = urls.map(templateOf)
  if (first === undefined) throw new UsageError('PHX_ERR_OPTION', 'urls needs at least one URL')
  const rootNodes = [first, ...others].map(({ options: { socket } }) => ({ socket: { ...socket } }))
  return new ClusterServers(createCluster({ rootNodes, ...clusterOptions(first.options) }))
}

/** @throws UsageError when it is not a client that can be copied. */
function ofGiven(client: GivenClient): Topology {
  if (isCluster(client)) {
    return new ClusterServers(client.duplicate(clusterOptions(client._options.defaults ?? {})))
  }
  if (isTemplate(client)) return new SingleServer(fixed(client))
  throw new UsageError(
    'PHX_ERR_OPTION',
    'client is made by createClient or createCluster; for Sentinel give url and sentinels',
  )
}

/** What a client of a cluster has that we make copies of. */
interface ClusterTemplate extends GivenClient {
  readonly _options: { readonly defaults?: object }
  duplicate(overrides?: object): Cluster
}

function isCluster(client: GivenClient): client is ClusterTemplate {
  return '_options' in client && 'nodeClient' in client
}

function isTemplate(client: GivenClient): client is Template {
  return 'options' in client && 'sendCommand' in client
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
