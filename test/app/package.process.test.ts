import { cp, readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { library } from '../../tsup.config.ts'
import { InstalledProject } from '../helpers/installed-package.ts'
import { root } from '../helpers/markdown.ts'
import { checkAsUser } from '../helpers/type-check.ts'

/** Names of the package's doors by the sources of this repository. */
const doors = Object.entries(library.entry as Record<string, string>).map(
  ([name, source]) => [source, name === 'index' ? 'fastify-phoenix' : `fastify-phoenix/${name}`] as const,
)

test('the chat needs nothing but what the package exports', { timeout: 300_000 }, async () => {
  const { devDependencies } = packageJson
  const project = await InstalledProject.create(['fastify-phoenix', ...Object.keys(devDependencies)])
  onTestFinished(() => project.remove())
  const app = join(project.folder, 'chat')
  await cp(`${root}server/app`, app, { recursive: true })
  const names = (await readdir(app, { recursive: true })).filter((name) => name.endsWith('.ts'))
  for (const name of names) {
    const text = await readFile(join(app, name), 'utf8')
    await project.write(join('chat', name), asUser(text, dirname(join('server/app', name))))
  }
  const { errors } = checkAsUser(
    names.map((name) => join(app, name)),
    { module: 'nodenext', exact: true },
  )
  expect(errors).toEqual([])
})

/** The text of a source in this folder, as a user of the package would write it. */
function asUser(text: string, folder: string): string {
  return text.replaceAll(/'(\.\.?\/[^']*)\.ts'/g, (_import, path: string) => {
    const source = relative('.', join(folder, `${path}.ts`))
    return `'${doors.find(([door]) => door === source)?.[1] ?? `${path}.js`}'`
  })
}
