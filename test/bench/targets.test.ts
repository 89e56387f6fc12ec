import { expect, test } from 'vitest'

type Round = Record<string, { cpu?: number }>
interface Target {
  scenario: string
  since?: string
  figure: string
  peer: string
}

// The benchmark is plain JavaScript, which the compiler does not look into from here: the address is not a literal.
const file = new URL('../../bench/targets.mjs', import.meta.url).href
const { ratio } = (await import(file)) as {
  ratio(results: Record<string, Round[]>, of: Target, server: string): number
}

const fanout: Target = { scenario: 'large', figure: 'cpu', peer: 'bare' }

test('is the median over rounds of our value divided by the peer’s', () => {
  const large = [
    { ours: { cpu: 11 }, bare: { cpu: 10 } },
    { ours: { cpu: 22 }, bare: { cpu: 20 } },
    { ours: { cpu: 90 }, bare: { cpu: 30 } },
  ]
  expect(ratio({ large }, fanout, 'ours')).toBeCloseTo(1.1)
})

test('is the ratio of both increases if a smaller scenario is named', () => {
  const small = [{ ours: { cpu: 4 }, bare: { cpu: 5 } }]
  const large = [{ ours: { cpu: 6 }, bare: { cpu: 5 } }]
  expect(ratio({ small, large }, { ...fanout, since: 'small' }, 'ours')).toBeCloseTo(1.5)
})

test('is NaN if one of the two was not measured', () => {
  expect(ratio({ large: [{ bare: { cpu: 5 } }] }, fanout, 'ours')).toBeNaN()
  expect(ratio({}, fanout, 'ours')).toBeNaN()
})
