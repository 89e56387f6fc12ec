import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'tsup'
import { inject } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { dashboard, emitDeclarations, library } from '../../tsup.config.ts'
import { root } from './markdown.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const QUIET = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
const MODULES = { type: 'module' }
/** Packages of samples that this repository does not install itself, or in an older version than users get. */
const OTHERS: Readonly<Record<string, string>> = {
  '@types/react': '^19.0.0',
  '@types/react-dom': '^19.0.0',
  react: '^19.0.0',
  'react-dom': '^19.0.0',
  tsx: '^4.0.0',
  typescript: '^7.0.0',
}

/** The package as npm would publish it: the path of the tarball, and the files in it. */
export type Packed = { readonly tarball: string; readonly files: readonly string[] }

/**
 * Build and pack the package, once per run. With `IS_BUILT` set, `dist` is packed as it is.
 */
export function packedPackage(): Promise<Packed> {
  return oncePerRun('packed', pack)
}

/** Do what takes long once per run, in the run's folder: the first test file that asks does it, the others wait. */
async function oncePerRun<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = inject('packageFolder')
  const result = join(folder, `${name}.json`)
  const isFirst = await mkdir(join(folder, `${name}.lock`)).then(
    () => true,
    () => false,
  )
  if (isFirst) {
    const done = await work(folder).catch((error: unknown) => ({ failed: String(error) }))
    await writeFile(`${result}.part`, JSON.stringify(done))
    await rename(`${result}.part`, result)
  }
  await until(() => existsSync(result), { timeout: 300_000 })
  const done = JSON.parse(await readFile(result, 'utf8'))
  if (done.failed !== undefined) throw new Error(done.failed)
  return done
}

async function pack(folder: string): Promise<Packed> {
  if (!process.env['IS_BUILT']) {
    await emitDeclarations()
    await build({ ...library, config: false, silent: true })
    await build({ ...dashboard('dist/dashboard'), config: false, silent: true })
  }
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) }
}

/** A folder outside the repository in which packages are installed as a user installs them. */
export class InstalledProject {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /**
   * Install packages by their names. `fastify-phoenix` is the packed tarball; the others have the versions of this
   * repository's lock file, unless the name has a version (`typescript@7`).
   */
  static async create(names: readonly string[], fields: object = MODULES): Promise<InstalledProject> {
    const project = await InstalledProject.#empty()
    await project.#install(names, fields)
    return project
  }

  /**
   * Link the packages of these names, which takes no time: `all` are installed once per run. The project's files
   * reach what is named and nothing else; packages reach each other.
   */
  static async linked(
    names: readonly string[],
    all: readonly string[],
    fields: object = MODULES,
  ): Promise<InstalledProject> {
    const store = await oncePerRun('store', async (folder) => {
      const installed = new InstalledProject(join(folder, 'store'))
      await mkdir(installed.folder)
      await installed.#install(all, MODULES)
      return join(installed.folder, 'node_modules')
    })
    const project = await InstalledProject.#empty()
    await project.write('package.json', JSON.stringify({ name: 'user', version: '1.0.0', ...fields }))
    const modules = join(project.folder, 'node_modules')
    for (const name of ['.bin', ...names]) {
      await mkdir(dirname(join(modules, name)), { recursive: true })
      await symlink(join(store, name), join(modules, name))
    }
    return project
  }

  static async #empty(): Promise<InstalledProject> {
    return new InstalledProject(await mkdtemp(join(tmpdir(), 'project-')))
  }

  async #install(names: readonly string[], fields: object): Promise<void> {
    const { tarball } = await packedPackage()
    const dependencies = Object.fromEntries(names.map((name) => rangeOf(name, tarball)))
    const { packages: locked } = JSON.parse(await readFile(`${root}package-lock.json`, 'utf8'))
    const own = { name: 'user', version: '1.0.0', ...fields, dependencies }
    const packages = { ...locked, '': own }
    await this.write('package.json', JSON.stringify(own))
    await this.write('package-lock.json', JSON.stringify({ ...own, lockfileVersion: 3, packages }))
    await this.run('npm', ['install', ...QUIET])
  }

  /** Write a file of the project. */
  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.folder, name), content)
  }

  /** Run a program in the folder; its standard output. @throws with all its output when it fails. */
  async run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    // Variables of the test runner would change how the program behaves.
    const { NODE_ENV: _mode, VITEST: _vitest, ...inherited } = process.env
    const options = { cwd: this.folder, env: { ...inherited, ...env } }
    const { stdout } = await run(command, [...args], options).catch((error) => {
      throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`)
    })
    return stdout
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** The name of a package, and the range to install. */
function rangeOf(name: string, tarball: string): [name: string, range: string] {
  const at = name.lastIndexOf('@')
  if (at > 0) return [name.slice(0, at), name.slice(at + 1)]
  if (name === 'fastify-phoenix') return [name, `file:${tarball}`]
  const devDependencies: Readonly<Record<string, string>> = packageJson.devDependencies
  return [name, OTHERS[name] ?? devDependencies[name] ?? '*']
}
