import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { metrics } from '../../server/metrics/index.ts'
import { telemetry } from '../../server/telemetry/telemetry.ts'
import { TestEndpoint } from '../helpers/build-endpoint.ts'
import { root } from '../helpers/markdown.ts'

const page = readFileSync(`${root}docs/telemetry.md`, 'utf8')

/** The cells of the rows of a table whose first cell begins so. */
function rows(beginning: string): string[][] {
  const lines = page.split('\n').filter((line) => line.startsWith(`| \`${beginning}`))
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

describe('the page on telemetry', () => {
  it('lists every event, in the order of the code', () => {
    const names = Object.values(telemetry).map(({ name }) => name)
    expect(rows('phoenix.').map(([name]) => name)).toEqual(names)
  })

  it('lists every metric with its type, in the order of the code', () => {
    const { registry, stop } = metrics(new TestEndpoint())
    const all = registry.getMetricsAsArray().map(({ name, type }) => [name, String(type)])
    stop()
    expect(rows('phoenix_').map(([name, type]) => [name, type])).toEqual(all)
  })
})
