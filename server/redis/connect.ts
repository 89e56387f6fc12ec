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
const LONGEST_PAUSE_MS = 2_000

/** Create the topology that the options describe. @throws UsageError when the options contradict each other. */
export function topologyOf(options: RedisEngineOptions): Topology {
  const { client, url, urls, sentinels } = options
  const ways = [client, urls, url ?? sentinels].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      '`client`, `urls` and `url` exclude each other: give one of them (`sentinels` goes with `url`)',
    )
  }
  if (client !== undefined) return ofGiven(client)
  if (urls !== undefined) return ofCluster(urls)
  const template = templateOf(url ?? DEFAULT_URL, 'url')
  if (sentinels === undefined) return new SingleServer(fixed(template))
  if (url === undefined) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      '`sentinels` requires a `url` whose host is the name of the master, e.g. redis://main',
    )
  }
  const name = new URL(url).hostname
  const sentinelTemplates = sentinels.map((sentinel, index) => templateOf(sentinel, `sentinels[${index}]`))
  return new SingleServer(new Sentinels(name, template, sentinelTemplates))
}

/** Create a client for `url`. In an error message, `option` is the name of the option that holds the URL. */
function templateOf(url: string, option: string): Template {
  try {
    return createClient({ url })
  } catch (error) {
    // The URL may contain a password. So the message does not show the URL, and the caught error, which holds the URL,
    // is not attached as the cause.
    const problem = error instanceof Error ? error.message : 'not a URL'
    throw new UsageError(
      'PHX_ERR_OPTION',
      `\`${option}\` must be a Redis URL (${problem}). Example: ${DEFAULT_URL}`,
    )
  }
}

function ofCluster(urls: readonly string[]): Topology {
  const templates = urls.map((url, index) => templateOf(url, `urls[${index}]`))
  const rootNodes = templates.map(({ options: { socket } }) => ({ socket: { ...socket } }))
  return new ClusterServers(createCluster({ rootNodes, ...clusterOptions(templates[0]?.options ?? {}) }))
}

function ofGiven(client: GivenClient): Topology {
  if (isCluster(client)) {
    return new ClusterServers(client.duplicate(clusterOptions(client._options.defaults ?? {})))
  }
  // The cast is safe: `givenClient` has checked the client, and `isCluster` has excluded cluster clients.
  return new SingleServer(fixed(client as Template))
}

/** Cluster client, reduced to the methods and properties that are needed to copy the client. */
interface ClusterTemplate extends GivenClient {
  readonly _options: { readonly defaults?: object }
  duplicate(overrides?: object): Cluster
}

function isCluster(client: GivenClient): client is ClusterTemplate {
  return '_options' in client && 'nodeClient' in client
}

/** Create the options of a cluster's client: the template's options for every server, and our timeouts and backoff. */
function clusterOptions(template: { readonly socket?: object; readonly url?: string }): object {
  const { url: _url, socket, ...rest } = template
  return {
    ...OWN_OPTIONS,
    // Without this option, the client would not be ready until it has connected to every server.
    minimizeConnections: true,
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
