import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { InstalledProject } from './installed-package.ts'
import { type Block, blocks, pages } from './markdown.ts'
import { until } from './until.ts'

/** Node 22.18 and later run TypeScript; for Node 20 the pages name `tsx`. */
const isNative = 'typescript' in process.features && process.features.typescript !== false
const LOADER = isNative ? [] : ['--import', 'tsx']
const README = 'README.md'
const GUIDE = 'docs/guide.md'
/** Needed for the type check only, which the README leaves to the guide. */
const CHECK = ['typescript', '@types/node']
const CODE = ['ts', 'tsx', 'html']
/** Loads modules in turn, then ends, whatever they have started. */
const LOAD = `
  for (const name of process.argv.slice(2)) {
    await import('./' + name)
    console.log('loaded ' + name)
  }
  process.exit(0)`

/**
 * The blocks of a page that are files of its project; those of one name are parts of one file. Others with code are
 * excerpts of the repository.
 */
export function files(page: string): Map<string, string> {
  return filesOf(blocks([page]), new Map())
}

function filesOf(all: readonly Block[], earlier: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map(earlier)
  for (const { language, name, line, text } of all) {
    if (!CODE.includes(language) || isExcerpt({ name })) continue
    const path = name || `line-${line}.${language}`
    found.set(path, (found.get(path) ?? '') + text)
  }
  return found
}

/** A name with a folder of this repository makes a block an excerpt of that file. */
export function isExcerpt({ name }: Pick<Block, 'name'>): boolean {
  return name.includes('/')
}

/** A project with the packages, the settings and the files that one page names, in a folder of its own. */
export class PageProject {
  readonly installed: InstalledProject
  /** The files of the page itself. */
  readonly files: ReadonlyMap<string, string>

  private constructor(installed: InstalledProject, files: ReadonlyMap<string, string>) {
    this.installed = installed
    this.files = files
  }

  /** Set up the project. Other pages continue the project of the guide, where it has a server and a client. */
  static async create(page: string): Promise<PageProject> {
    const installed = await linkedProject(packages(page), JSON.parse(settings(page, 'package.json')))
    await installed.write('tsconfig.json', settings(page, 'tsconfig.json'))
    await installed.write('load.mjs', LOAD)
    const project = new PageProject(installed, files(page))
    const isOwn = page === README || page === GUIDE
    const written = filesOf(blocks([page]), isOwn ? new Map() : beginning())
    for (const [name, text] of written) await installed.write(name, text)
    return project
  }

  /** Run one of the scripts of `package.json`. */
  script(name: string): Promise<string> {
    return this.installed.run('npm', ['run', name], { PORT: '0' })
  }

  /** Check the types of all files, with the settings that the page names. @throws with the errors of the compiler. */
  async check(): Promise<void> {
    // Several threads would each check the shared declarations.
    await this.installed.run('node_modules/.bin/tsc', ['--noEmit', '--singleThreaded', '--pretty', 'false'])
  }

  /** Import modules in one process, in turn; what they print. */
  load(names: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return this.node(['load.mjs', ...names], env)
  }

  /** Run Node, as the page says for this version; the output. */
  node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return this.installed.run(process.execPath, [...LOADER, ...args], { PORT: '0', ...env })
  }

  /** Start a server, on a free port, until the end of the test. */
  async serve(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Served> {
    const child = spawn(process.execPath, [...LOADER, ...args], {
      cwd: this.installed.folder,
      env: { ...process.env, NODE_ENV: 'development', PORT: '0', ...env },
    })
    const exited = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    const lines: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => lines.push(line))
    }
    const port = () => /http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)/.exec(lines.join('\n'))?.[1]
    await until(() => port() !== undefined || child.exitCode !== null, { timeout: 60_000 })
    if (port() === undefined) throw new Error(`${args.join(' ')} ended: ${lines.join('\n')}`)
    return { port: Number(port()), lines, stop: () => child.kill('SIGTERM'), exited }
  }

  remove(): Promise<void> {
    return this.installed.remove()
  }
}

/** A running server: its port, the lines that it has written, and its end. */
export type Served = {
  readonly port: number
  readonly lines: readonly string[]
  stop(): void
  readonly exited: Promise<unknown[]>
}

/** A project of a test's own, with packages that pages name. */
export function linkedProject(names: readonly string[], fields?: object): Promise<InstalledProject> {
  return InstalledProject.linked(names, [...new Set(pages.flatMap(packages))], fields)
}

/** The packages that a page names. */
export function packages(page: string): string[] {
  const base = page === README ? CHECK : installs(setUp())
  const own = blocks([page]).flatMap(({ text }) => installs(text))
  return [...new Set([...base, ...own, ...(isNative ? [] : ['tsx'])])]
}

/** The packages that commands install. */
function installs(text: string): string[] {
  const commands = text.matchAll(/^npm install (?:--save-dev )?(.+)$/gm)
  return Array.from(commands, ([, names = '']) => names.split(' ')).flat()
}

/** The application of the guide up to its client. */
function beginning(): Map<string, string> {
  const all = blocks([GUIDE])
  const last = all.findIndex(({ name }) => name === 'ann.ts')
  return filesOf(
    all.slice(0, last + 1).filter(({ name }) => name !== ''),
    new Map(),
  )
}

function setUp(): string {
  return blocks([GUIDE]).find(({ text }) => text.includes('npm init'))?.text ?? ''
}

/** The text of a settings file: the page's own, that which its commands make, or that of the guide. */
function settings(page: string, name: string): string {
  const all = blocks([page])
  const type = all.map(({ text }) => /^npm pkg set type=(\w+)$/m.exec(text)?.[1]).find(Boolean)
  if (name === 'package.json' && type !== undefined) return JSON.stringify({ type })
  const text = [...all, ...blocks([GUIDE])].find((block) => block.name === name)?.text ?? '{}'
  return isNative ? text : text.replace(/(?<=["\s])node (?=--watch|--test|main)/g, 'node --import tsx ')
}
