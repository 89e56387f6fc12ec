import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'

/**
 * The folders by rank, and the packages that each may import: a file imports only from its own folder and from
 * folders above it in this list.
 */
const ranks: [folder: string, packages: RegExp][] = [
  ['protocol', /^typebox$/],
  ['server/errors.ts', /^node:/],
  ['server/runtime', /^node:/],
  ['server/async-api', /^typebox$/],
  ['server/token', /^node:/],
  ['server/limits', /^node:/],
  ['server/telemetry', /^node:/],
  ['server/supervisor', /^node:/],
  ['server/pubsub', /^node:/],
  ['server/presence', /^(node:|typebox$)/],
  ['server/engine', /^node:/],
  ['server/redis', /^(node:|redis$)/],
  ['server/channel', /^(node:|typebox)/],
  // The one name of Fastify below `upstream`: the type of the request that `connect` may ask for.
  ['server/socket', /^(node:|typebox$|fastify$)/],
  ['server/endpoint', /^node:/],
  ['server/emitter', /^$/],
  ['server/operator', /^(node:|fastify$)/],
  ['server/metrics', /^(node:|prom-client$|fastify$|typebox$)/],
  ['server/tracing', /^(node:|@opentelemetry\/api$)/],
  ['server/upstream', /^(node:|@?fastify|ws$)/],
  ['server/transport', /^(node:|@?fastify|ws$)/],
  ['server/plugin.ts', /^(node:|fastify)/],
  ['server/health', /^(node:|fastify$|typebox$)/],
  ['server/admin', /^(node:|fastify$|typebox$)/],
  ['server/cluster', /^(node:|fastify$)/],
  ['server/dashboard', /^(node:|fastify$|typebox$|prom-client$)/],
  ['server/testing', /^(node:|fastify$)/],
  ['server/cli', /^node:/],
  ['server/index.ts', /^$/],
]
/** The app and the client are outsiders; the first pattern that fits a file counts. */
const outsiders: [files: RegExp, targets: RegExp][] = [
  [/^server\/app\/contracts\//, /^(protocol\/|server\/app\/contracts\/|typebox$)/],
  [
    /^server\/app\//,
    /^(server\/((redis|metrics|tracing|health|cluster|admin|dashboard)\/)?index\.ts$|server\/app\/|node:|@?fastify|typebox|jose$|prom-client$|redis$)/,
  ],
  [/^client\//, /^(protocol\/|server\/(app\/contracts|dashboard\/contract)|client\/|phoenix$|uplot)/],
]

const paths = ['protocol', 'server', 'client', 'test', 'bench'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => join(root, path)),
)
const files = new Map(
  paths.filter((path) => path.endsWith('.ts')).map((path) => [path, readFileSync(path, 'utf8')]),
)
const rankOf = (path: string) => ranks.findIndex(([folder]) => path === folder || dirname(path) === folder)

function mayImport(path: string, target: string): boolean {
  const outsider = outsiders.find(([pattern]) => pattern.test(path))
  if (outsider !== undefined) return outsider[1].test(target)
  const [rank, targetRank] = [rankOf(path), rankOf(target)]
  return targetRank === -1 ? (ranks[rank]?.[1].test(target) ?? false) : targetRank <= rank
}

test('every file imports only from folders that its rank allows', () => {
  const product = [...files].filter(([path]) => !/^(test|bench)\//.test(path))
  const imports = product.flatMap(([path, source]) =>
    Array.from(source.matchAll(/\b(?:from|import) '([^'\n]+)'/g), ([, name = '']) => ({
      path,
      target: name.startsWith('.') ? join(dirname(path), name) : name,
    })),
  )
  expect(imports.filter(({ path, target }) => !mayImport(path, target))).toEqual([])
})

test('no file has more than 500 lines, and only the plugin is a default export', () => {
  expect([...files].filter(([, source]) => source.split('\n').length > 501).map(([path]) => path)).toEqual([])
  const exporting = [...files].filter(([, source]) => /^export (default|.* as default)/m.test(source))
  expect(exporting.map(([path]) => path)).toEqual(['server/index.ts'])
})

test('the public names are those of public-names.txt; a changed name needs a line in CHANGELOG.md', async () => {
  const names = files.get('server/index.ts')?.matchAll(/(\w+)(?=,| })/g) ?? []
  await expect(
    `${[...names]
      .map(([name]) => name)
      .sort()
      .join('\n')}\n`,
  ).toMatchFileSnapshot('public-names.txt')
})
