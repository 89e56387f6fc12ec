import { pairedRatio } from './stats.mjs'

/**
 * Maximum ratio of a server's figure to a peer's.
 * @typedef {object} Target
 * @property {string} scenario
 * @property {string} [since] smaller scenario; if given, the target limits the growth from that scenario to this one
 * @property {import('./scenarios.mjs').Figure} figure
 * @property {import('./servers.mjs').ServerName} [server] default: ours
 * @property {import('./servers.mjs').ServerName} peer
 * @property {number} atMost
 *
 * @typedef {Partial<Record<import('./scenarios.mjs').Figure, number>>} Figures
 * @typedef {Record<string, Record<string, Figures>[]>} Results per scenario and round: figures by server
 */

/** Targets of `bench/README.md`. @type {readonly Target[]} */
export const targets = [
  { scenario: 'fanout1k', figure: 'cpu', peer: 'bare', atMost: 1.05 },
  { scenario: 'fanout1k', figure: 'cpu', peer: 'socketio', atMost: 0.62 },
  { scenario: 'fanout1k_w8', figure: 'cpu', peer: 'bare', atMost: 1.05 },
  { scenario: 'rooms', figure: 'cpu', peer: 'bare', atMost: 1.15 },
  { scenario: 'echo', figure: 'cpu', peer: 'bare', atMost: 1.15 },
  { scenario: 'connect', figure: 'cpu', peer: 'naive', atMost: 1.05 },
  { scenario: 'connect', figure: 'cpu', server: 'logging', peer: 'naiveLogging', atMost: 1.05 },
  { scenario: 'fanout1k', figure: 'p50', peer: 'bare', atMost: 1.15 },
  { scenario: 'fanout1k', figure: 'p99', peer: 'bare', atMost: 1.15 },
  { scenario: 'echo', figure: 'p50', peer: 'bare', atMost: 1.15 },
  { scenario: 'echo', figure: 'p99', peer: 'bare', atMost: 1.15 },
  { scenario: 'paced', figure: 'p50', peer: 'bare', atMost: 1.15 },
  { scenario: 'paced', figure: 'p99', peer: 'bare', atMost: 1.15 },
  { scenario: 'memory', figure: 'heap', peer: 'bare', atMost: 1.3 },
  { scenario: 'memory', figure: 'rss', peer: 'bare', atMost: 1.2 },
  { scenario: 'history', figure: 'cpu', server: 'kept', peer: 'plain', atMost: 1.1 },
  { scenario: 'history', figure: 'cpu', server: 'asked', peer: 'plain', atMost: 1.1 },
  { scenario: 'rejoin', figure: 'cpu', server: 'rejoin', peer: 'join', atMost: 3 },
  { scenario: 'fanout4k', since: 'fanout500', figure: 'cpu', peer: 'bare', atMost: 1.1 },
]

/** Maximum difference in the median between two runs of the same server. If it is larger, the run does not count. */
export const SAME_WITHIN = 0.03

/**
 * Divides a server's figure by a peer's in each round, and returns the median of these ratios; NaN if one of the two
 * was not measured. With `since`, each figure is first divided by the same server's figure in that scenario.
 * @param {Results} results
 * @param {Pick<Target, 'scenario' | 'since' | 'figure' | 'peer'>} of
 * @param {string} server
 */
export function ratio(results, { scenario, since, figure, peer }, server) {
  const series = (/** @type {string} */ name) =>
    (results[scenario] ?? []).map((round, index) => {
      const small = since === undefined ? 1 : results[since]?.[index]?.[name]?.[figure]
      return (round[name]?.[figure] ?? Number.NaN) / (small ?? Number.NaN)
    })
  return pairedRatio(series(server), series(peer))
}
