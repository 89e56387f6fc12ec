import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import fastify from 'fastify'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, phoenix } from '../server/index.ts'
import { metricsRoute } from '../server/metrics/index.ts'
import { root } from './helpers/markdown.ts'
import { checkAsUser } from './helpers/type-check.ts'

const read = (path: string) => readFileSync(root + path, 'utf8')

const Target = Type.Object({ refId: Type.String(), expr: Type.String(), legendFormat: Type.String() })
/** The parts of Grafana's dashboard model (schema version 39) that the file uses. */
const Board = Type.Object({
  title: Type.String(),
  uid: Type.String({ maxLength: 40 }),
  schemaVersion: Type.Literal(39),
  templating: Type.Object({ list: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })) }),
  panels: Type.Array(
    Type.Object({
      id: Type.Integer(),
      type: Type.Literal('timeseries'),
      title: Type.String(),
      gridPos: Type.Object({ h: Type.Integer(), w: Type.Integer(), x: Type.Integer(), y: Type.Integer() }),
      targets: Type.Array(Target, { minItems: 1 }),
    }),
  ),
})

const board: unknown = JSON.parse(read('grafana/dashboard.json'))
const alerts = Array.from(
  read('grafana/alerts.yml').matchAll(/^ +expr: (['"])(.*)\1$/gm),
  ([, , expr = '']) => expr,
)

/** Metrics and the names of their labels, as a running server has them. */
async function served(): Promise<string> {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': defineSocket({ connect: () => ({ ok: {} }) }) } })
  await app.register(metricsRoute, { endpoint: app.endpoint })
  return (await app.inject('/metrics')).body
}

test('the dashboard has the format that Grafana reads', () => {
  if (!Check(Board, board)) throw new Error('not a dashboard')
  const ids = board.panels.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(board.panels).toHaveLength(10)
})

test("the dashboard matches the types of Grafana's own schema", async () => {
  const text = read('grafana/dashboard.json')
  // A folder from where packages resolve.
  const cache = `${root}node_modules/.cache/`
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(`${cache}grafana-`)
  onTestFinished(() => rm(folder, { recursive: true }))
  const write = async (name: string, json: string): Promise<string> => {
    const path = `${folder}/${name}`
    const line = `import type { Dashboard } from '@grafana/schema'; export const dashboard: Dashboard = `
    await writeFile(path, line + json)
    return path
  }
  const right = await write('right.ts', text)
  const wrong = await write('wrong.ts', text.replace('"w": 12', '"width": 12'))
  const { errors } = checkAsUser([right, wrong], { module: 'bundler', exact: false })
  expect(errors).toEqual([expect.stringMatching(/wrong\.ts:\d+ .*"width"' does not exist/)])
})

test('every query and alert names metrics that a running server has', async () => {
  if (!Check(Board, board)) throw new Error('not a dashboard')
  const queries = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const names = [...queries, ...alerts].flatMap((expr) => expr.match(/\b(phoenix|process|nodejs)_\w+/g) ?? [])
  const text = await served()
  const unknown = names.filter(
    (name) => !text.includes(`# TYPE ${name.replace(/_(bucket|sum|count)$/, '')} `),
  )
  expect(names.length).toBeGreaterThan(30)
  expect(unknown).toEqual([])
})

test('every label in a query exists in its metric', () => {
  if (!Check(Board, board)) throw new Error('not a dashboard')
  const page = read('docs/telemetry.md')
  const queries = [...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...alerts]
  const wrong = queries.flatMap((expr) => {
    const [, by = ''] = /\bby \(([^)]*)\)/.exec(expr) ?? []
    const [metric = ''] = expr.match(/phoenix_\w+/) ?? []
    const row =
      page.split('\n').find((line) => line.startsWith(`| \`${metric.replace(/_bucket$/, '')}\``)) ?? ''
    const labels = by.split(', ').filter((label) => !['', 'le', 'instance'].includes(label))
    return labels.filter((label) => !row.includes(`\`${label}\``)).map((label) => `${metric} ${label}`)
  })
  expect(wrong).toEqual([])
})

test('every alert is explained in the docs', () => {
  const page = read('docs/operations.md')
  const names = Array.from(read('grafana/alerts.yml').matchAll(/- alert: (\w+)/g), ([, name = '']) => name)
  expect(names).toHaveLength(alerts.length)
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
