import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Problem } from '../../server/app/errors.ts'
import { root } from '../helpers/markdown.ts'
import { openApp } from '../helpers/open-app.ts'

const page = readFileSync(`${root}docs/http-api.md`, 'utf8')

it('lists the routes that OpenAPI has', async () => {
  const { app } = await openApp({ apiToken: 'a-token-of-the-tests' })
  const { paths } = (await app.inject('/docs/openapi.json')).json()
  const routes = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  const listed = Array.from(page.matchAll(/^\| `(\w+ \/\S+)` /gm), ([, route]) => String(route))
  expect(listed.filter((route) => !route.startsWith('GET /docs')).sort()).toEqual(routes.sort())
})

it('lists the codes that errors have', () => {
  const listed = Array.from(page.matchAll(/^\| `(\w+)` +\| \d{3} /gm), ([, code]) => code)
  expect(listed).toEqual(Problem.properties.code.enum)
})

it('shows an error exactly as the server sends it', async () => {
  const { app } = await openApp()
  const [, sample = ''] = /```json\n(\{\n[\s\S]*?)```/.exec(page) ?? []
  expect(JSON.parse(sample)).toEqual((await app.inject('/nowhere')).json())
})
