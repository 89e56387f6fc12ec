import type { Finding } from './judge-soak.ts'
import { toldLimits } from './limits.ts'
import type { Run } from './records.ts'

const refusals = [
  ...['origin', 'vsn', 'connect', 'crash', 'rate_limited', 'overloaded'].map((reason) => [
    'websocket',
    reason,
  ]),
  ['longpoll', 'connect'],
]
const closes = [
  ...[1001, 1002, 1007, 1008, 1009, 1011, 1013, 4401].map((code) => [code, 'server']),
  ...[1000, 1005, 1006].map((code) => [code, 'client']),
]

/** Metrics that count the effects of the offences. */
export const provoked: readonly string[] = [
  ...toldLimits.map((limit) => `phoenix_limits_reached_total{limit="${limit}"}`),
  ...['websocket', 'longpoll'].map(
    (transport) => `phoenix_slow_consumers_total{transport="${transport}",action="closed"}`,
  ),
  'phoenix_frames_refused_total',
  'phoenix_channel_crashes_total{pattern="room:*",callback="handleIn"}',
  ...refusals.map(
    ([transport, reason]) => `phoenix_connections_refused_total{transport="${transport}",reason="${reason}"}`,
  ),
  ...closes.map(
    ([code, by]) => `phoenix_connections_closed_total{transport="websocket",code="${code}",by="${by}"}`,
  ),
]

/** Find metrics that do not show the offences. Each metric in `provoked` must rise by at least one per round. */
export function judgeMetrics({
  metrics: { before, after },
  rushes,
}: Pick<Run, 'metrics' | 'rushes'>): Finding[] {
  return provoked.flatMap((name): Finding[] => {
    const rise = (after[name] ?? 0) - (before[name] ?? 0)
    if (rise >= rushes.length) return []
    return [{ kind: 'metrics', text: `${name} has risen by ${rise} in ${rushes.length} rounds` }]
  })
}
