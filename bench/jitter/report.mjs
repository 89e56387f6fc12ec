import { titles } from './stage.mjs'

// Maximum p99 of our client with recovery, divided by the p99 of Socket.IO with recovery.
const P99_AT_MOST = 1.1

/** @typedef {Record<import('./stage.mjs').Name, import('./contestant.mjs').Outcome>} Outcomes */

/** A Markdown table of all outcomes. @param {Outcomes} outcomes */
export function report(outcomes) {
  const heads = [
    'client',
    'delivered',
    '%',
    'misordered',
    'doubled',
    'lost unreported',
    'gaps reported',
    'p50 ms',
    'p99 ms',
    'cuts',
    'repeated',
  ]
  const rows = Object.entries(outcomes).map(([name, outcome]) => [
    titles[/** @type {import('./stage.mjs').Name} */ (name)],
    `${outcome.heard} of ${outcome.of}`,
    ((100 * outcome.heard) / outcome.of).toFixed(2),
    outcome.misordered,
    outcome.doubled,
    outcome.silentlyLost,
    outcome.gaps,
    outcome.p50.toFixed(1),
    outcome.p99.toFixed(0),
    outcome.cuts,
    outcome.repeated,
  ])
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * Returns the guarantees that our client with recovery did not keep, one line each.
 * @param {Outcomes} outcomes
 * @param {{ mayLose: boolean, isTimed: boolean }} options `mayLose`: Redis may have lost messages that it confirmed
 */
export function broken({ oursRecovery: ours, socketioRecovery: peer }, { mayLose, isTimed }) {
  const lines = []
  if (ours.silentlyLost > 0) lines.push(`${ours.silentlyLost} messages were lost without a reported gap`)
  if (!mayLose && ours.heard < ours.of) lines.push(`${ours.of - ours.heard} messages were lost`)
  if (!mayLose && ours.doubled > 0) lines.push(`${ours.doubled} messages were doubled`)
  if (ours.misordered > 0) lines.push(`${ours.misordered} messages were out of order`)
  const ratio = ours.p99 / peer.p99
  if (isTimed && ratio > P99_AT_MOST)
    lines.push(`p99 is ${ratio.toFixed(2)} × that of Socket.IO with recovery; at most ${P99_AT_MOST}`)
  return lines
}
