import { scenarios } from './scenarios.mjs'
import { servers } from './servers.mjs'
import { median } from './stats.mjs'
import { ratio, SAME_WITHIN, targets } from './targets.mjs'

/**
 * @typedef {import('./scenarios.mjs').Figure} Figure
 * @typedef {Record<string, Record<string, import('./contestant.mjs').Outcome>[]>} Results scenario → rounds → server
 */

/** @type {{ figure: Figure, title: string }[]} */
const COLUMNS = [
  { figure: 'cpu', title: 'CPU µs' },
  { figure: 'rate', title: 'per s' },
  { figure: 'p50', title: 'p50 ms' },
  { figure: 'p99', title: 'p99 ms' },
  { figure: 'rss', title: 'RSS B' },
  { figure: 'heap', title: 'heap B' },
]

/** @type {Record<Figure, string>} */
const FIGURE_NAMES = { cpu: 'CPU', rate: 'rate', p50: 'p50', p99: 'p99', rss: 'RSS', heap: 'heap after GC' }

/**
 * The whole report as text: Markdown tables that are also readable on a terminal.
 * @param {Results} results
 */
export function report(results) {
  return [
    ...table([
      ['scenario', 'server', ...COLUMNS.map(({ title }) => title), 'lost/doubled/misordered'],
      ...Object.keys(results).flatMap((scenario) => rows(results, scenario)),
      ...growthRows(results),
    ]),
    '',
    'Medians of the rounds; in brackets the paired ratio to bare ws. CPU is the time of the server per unit.',
    ...faults(results),
    '',
    ...sameServerTable(results),
    ...table([['target', 'measured', 'at most', ''], ...judge(results).map(targetRow)]),
  ].join('\n')
}

/** Returns all targets that have figures in this run. @param {Results} results */
export function judge(results) {
  return targets
    .map((target) => ({ ...target, measured: ratio(results, target, target.server ?? 'ours') }))
    .filter(({ measured }) => !Number.isNaN(measured))
    .map((target) => ({ ...target, isMet: target.measured <= target.atMost }))
}

/** Ratio of bare ws to itself (A/A) in every scenario. @param {Results} results */
export function sameServer(results) {
  return Object.keys(results).flatMap((scenario) => {
    /** @type {Figure[]} */
    const figures = scenarios[scenario].phase === 'hold' ? ['rss', 'heap'] : ['cpu']
    return figures
      .map((figure) => ({
        scenario,
        figure,
        measured: ratio(results, { scenario, figure, peer: 'bare' }, 'again'),
      }))
      .filter(({ measured }) => !Number.isNaN(measured))
      .map((pair) => ({ ...pair, isClose: Math.abs(pair.measured - 1) <= SAME_WITHIN }))
  })
}

/** Lists all failures, one line each. @param {Results} results */
export function faults(results) {
  return Object.entries(results).flatMap(([scenario, rounds]) =>
    rounds.flatMap((round) =>
      Object.entries(round).flatMap(([server, outcome]) => [
        ...outcome.faults.map((fault) => `FAULT ${scenario}, ${server}: ${fault}`),
        ...(wrong(outcome) > 0
          ? [`FAULT ${scenario}, ${server}: ${counts([outcome])} lost/doubled/misordered`]
          : []),
      ]),
    ),
  )
}

/**
 * @param {Results} results
 * @param {string} scenario
 */
function rows(results, scenario) {
  const rounds = results[scenario]
  return Object.keys(rounds[0] ?? {})
    .sort(byServer)
    .map((server, index) => {
      const outcomes = rounds.map((round) => round[server])
      const cells = COLUMNS.map(({ figure }) => {
        const value = median(outcomes.map((outcome) => outcome[figure] ?? Number.NaN))
        return cell(value, ratio(results, { scenario, figure, peer: 'bare' }, server))
      })
      return [index === 0 ? scenarios[scenario].title : '', titleOf(server), ...cells, counts(outcomes)]
    })
}

/** @param {Results} results */
function growthRows(results) {
  const target = targets.find(({ since }) => since !== undefined)
  const large = results[target?.scenario ?? '']
  const small = results[target?.since ?? '']
  if (target === undefined || large === undefined || small === undefined) return []
  return Object.keys(large[0] ?? {})
    .sort(byServer)
    .map((server, index) => {
      const growth = median(
        large.map((round, i) => (round[server].cpu ?? NaN) / (small[i]?.[server]?.cpu ?? NaN)),
      )
      const blank = Array.from({ length: COLUMNS.length }, () => '')
      return [
        index === 0 ? 'growth: 4,000 ÷ 500' : '',
        titleOf(server),
        cell(growth, ratio(results, target, server)),
        ...blank,
      ]
    })
}

/** @param {Results} results */
function sameServerTable(results) {
  const pairs = sameServer(results)
  if (pairs.length === 0) return []
  return [...table([['the same server twice (A/A)', 'ratio', ''], ...pairs.map(sameServerRow)]), '']
}

/** @param {ReturnType<typeof sameServer>[number]} pair */
function sameServerRow({ scenario, figure, measured, isClose }) {
  const limit = `${SAME_WITHIN * 100} %`
  const verdict = isClose ? `within ${limit}` : `NOT within ${limit}: these rows do not count`
  return [`${scenarios[scenario].title}: ${FIGURE_NAMES[figure]}`, measured.toFixed(3), verdict]
}

/** @param {ReturnType<typeof judge>[number]} target */
function targetRow({ scenario, since, figure, server, peer, measured, atMost, isMet }) {
  const title = since === undefined ? scenarios[scenario].title : 'growth from 500 to 4,000'
  const percent = `${Math.abs((measured / atMost - 1) * 100).toFixed(1)} %`
  const of = server === undefined ? '' : ` of ${titleOf(server)}`
  const name = `${title}: ${FIGURE_NAMES[figure]}${of} ÷ ${titleOf(peer)}`
  return [name, measured.toFixed(2), atMost.toFixed(2), isMet ? `pass by ${percent}` : `FAIL by ${percent}`]
}

/**
 * @param {string} a
 * @param {string} b
 */
const byServer = (a, b) => Object.keys(servers).indexOf(a) - Object.keys(servers).indexOf(b)

const titleOf = (/** @type {string} */ name) => servers[/** @type {keyof typeof servers} */ (name)].title

/** @param {import('./contestant.mjs').Outcome} outcome */
const wrong = ({ lost = 0, doubled = 0, misordered = 0 }) => lost + doubled + misordered

/** @param {import('./contestant.mjs').Outcome[]} outcomes */
function counts(outcomes) {
  const sum = (/** @type {'lost' | 'doubled' | 'misordered'} */ name) =>
    outcomes.reduce((total, outcome) => total + (outcome[name] ?? 0), 0)
  return outcomes.some((outcome) => outcome.lost !== undefined)
    ? `${sum('lost')}/${sum('doubled')}/${sum('misordered')}`
    : ''
}

/**
 * @param {number} value
 * @param {number} relative
 */
function cell(value, relative) {
  if (Number.isNaN(value)) return ''
  const digits = value >= 1_000 ? value.toFixed(0) : value.toPrecision(3)
  return Number.isNaN(relative) ? digits : `${digits} (${relative.toFixed(2)})`
}

/**
 * Lines of a Markdown table.
 * @param {string[][]} cells the first row is the head
 * @returns {string[]}
 */
export function table(cells) {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const lines = cells.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`,
  )
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [lines[0], rule, ...lines.slice(1)]
}
