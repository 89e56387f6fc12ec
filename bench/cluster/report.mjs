import { table } from '../report.mjs'
import { median, pairedRatio } from '../stats.mjs'
import { comparisons } from './scenarios.mjs'

/** Allowed share of the connections that one worker serves, in per cent. */
const SHARE = { least: 40, most: 60 }

/**
 * Outcomes of both sides of a comparison in one round.
 * @typedef {Record<'one' | 'many', import('./scenarios.mjs').Outcome>} Round
 * @typedef {Record<string, Round[]>} Results rounds by comparison
 */

/**
 * Creates the report as text. `isGood` is true if all targets were met and no fault occurred.
 * @param {Results} results
 */
export function report(results) {
  const names = Object.keys(results)
  const lines = names.flatMap((name) => rows(name, results[name]))
  const wrong = names.flatMap((name) => faults(name, results[name]))
  const outcomes = Object.values(results).flatMap((rounds) => rounds.flatMap(({ one, many }) => [one, many]))
  const foreign = outcomes.flatMap(({ figures }) => figures.map((figure) => figure.foreign))
  const shares = outcomes.flatMap((outcome) => outcome.shares ?? [])
  const head = ['CPU µs per delivery', 'one process', 'cluster', 'ratio', 'of all rounds', 'at most', '']
  const text = [
    ...table([head, ...lines.map(({ cells, isMet }) => [...cells, verdict(isMet)])]),
    'In brackets: deliveries per write system call.',
    '',
    ...(shares.length > 0
      ? [
          `A worker holds ${Math.min(...shares).toFixed(0)} to ${Math.max(...shares).toFixed(0)} % of the connections.`,
        ]
      : []),
    `Others used at most ${Math.max(...foreign).toFixed(2)} of the cores.`,
    ...wrong,
  ].join('\n')
  return { text, isGood: wrong.length === 0 && lines.every(({ isMet }) => isMet !== false) }
}

/** @param {boolean | null} isMet null without a target */
function verdict(isMet) {
  if (isMet === null) return ''
  return isMet ? 'pass' : 'FAIL'
}

/**
 * One line for each load of a comparison.
 * @param {string} name
 * @param {readonly Round[]} rounds
 */
function rows(name, rounds) {
  return comparisons[name].loads.map(({ title, atMost }, index) => {
    const figures = (/** @type {'one' | 'many'} */ side) => rounds.map((each) => each[side].figures[index])
    const [one, many] = [figures('one'), figures('many')].map((side) => side.map(({ cpu }) => cpu))
    const joined = (/** @type {'one' | 'many'} */ side) =>
      median(figures(side).map((figure) => figure.joined)).toFixed(1)
    const ratio = pairedRatio(many, one)
    const ratios = many.map((cpu, number) => cpu / one[number]).sort((a, b) => a - b)
    const range = `${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}`
    const cells = [
      `${name}: ${title}`,
      `${median(one).toFixed(2)} (${joined('one')})`,
      `${median(many).toFixed(2)} (${joined('many')})`,
      ratio.toFixed(2),
      range,
    ]
    if (atMost === undefined) return { cells: [...cells, ''], isMet: null }
    return { cells: [...cells, atMost.toFixed(2)], isMet: ratio <= atMost }
  })
}

/** Lists all failures, one line each. @param {string} name @param {readonly Round[]} rounds */
function faults(name, rounds) {
  const outcomes = rounds.flatMap(({ one, many }) => [one, many])
  const shares = outcomes.flatMap((outcome) => outcome.shares ?? [])
  return [
    ...outcomes.flatMap(({ figures }) => figures.flatMap((figure) => figure.faults)),
    ...shares
      .filter((share) => !(share >= SHARE.least && share <= SHARE.most))
      .map((share) => `a worker holds ${share.toFixed(0)} % of the connections`),
  ].map((fault) => `FAULT ${name}: ${fault}`)
}
