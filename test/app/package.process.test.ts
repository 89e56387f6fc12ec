import { mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { library } from '../../tsup.config.ts'
import { InstalledProject } from '../helpers/installed-package.ts'
import { root } from '../helpers/markdown.ts'
import { checkAsUser } from '../helpers/type-check.ts'

/** Names of the package's doors by the sources of this repository. */
const doors = new Map(
  Object.entries(library.entry as Record<string, string>).map(([name, source]) => [
    source,
    name === 'index' ? 'fastify-phoenix' : `fastify-phoenix/${name}`,
  ]),
)

test('the chat imports only names that the package exports', { timeout: 600_000 }, async () => {
  const sources = await chat()
  const texts = [...sources.values()]
  const imported = texts.flatMap((text) => Array.from(text.matchAll(PACKAGE), ([, name = '']) => name))
  // Redis and prom-client are peers, which the doors of the package import.
  const project = await InstalledProject.create([...new Set([...imported, ...PEERS, '@types/node'])])
  onTestFinished(() => project.remove())
  for (const [path, text] of sources) {
    await mkdir(dirname(join(project.folder, path)), { recursive: true })
    await project.write(path, text)
  }
  const paths = [...sources.keys()].map((path) => join(project.folder, path))
  expect(checkAsUser(paths, { module: 'nodenext', exact: true }).errors).toEqual([])
})

/** Name of a package that is imported, without the path in it. */
const PACKAGE = /from '(?!node:)((?:@[\w-]+\/)?[\w-]+)/g
const PEERS = ['fastify', 'typebox', 'redis', 'prom-client', '@opentelemetry/api']

/** The sources of the chat as a user of the package would write them, by their paths. */
async function chat(): Promise<Map<string, string>> {
  const names = await readdir(`${root}server/app`, { recursive: true })
  const sources = new Map<string, string>()
  for (const path of names.filter((name) => name.endsWith('.ts')).map((name) => join('server/app', name))) {
    sources.set(path, asUser(await readFile(root + path, 'utf8'), dirname(path)))
  }
  return sources
}

function asUser(text: string, folder: string): string {
  return text.replaceAll(/'(\.\.?\/[^']*)\.ts'/g, (_import, path: string) => {
    const source = relative('.', join(folder, `${path}.ts`))
    return `'${doors.get(source) ?? `${path}.js`}'`
  })
}
