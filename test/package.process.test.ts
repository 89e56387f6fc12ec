import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { InstalledProject, packedPackage } from './helpers/installed-package.ts'
import { root } from './helpers/markdown.ts'
import { checkAsUser } from './helpers/type-check.ts'

const run = promisify(execFile)
/** Packages that a user installs beside it, and those that the compiler needs. */
const BESIDE = [
  ...['fastify', 'typebox', 'redis', 'prom-client', '@opentelemetry/api', 'phoenix'],
  ...['@types/node', '@types/phoenix'],
]

/** Where the package is installed, as a user would. */
let project: InstalledProject
let folder: string

beforeAll(async () => {
  project = await InstalledProject.create(['fastify-phoenix', ...BESIDE, 'typescript'])
  folder = project.folder
}, 300_000)

afterAll(() => project.remove())

describe('the package', () => {
  it('contains the library, its documentation and its licence, and nothing of the app', async () => {
    const { files } = await packedPackage()
    expect(files).toContain('docs/guide.md')
    const others = files.filter(
      (path) => !/^(dist\/[\w-]+(\.js|\.js\.map|(\.d-[\w-]+)?\.d\.ts)|docs\/.*)$/.test(path),
    )
    const page = ['icon.svg', 'index.html', 'main.js', 'main.js.map', 'style.css', 'style.css.map']
    expect(others.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      ...page.map((name) => `dist/dashboard/${name}`),
      'grafana/alerts.yml',
      'grafana/dashboard.json',
      'package.json',
    ])
  })

  it('has declarations that need only packages that its users have, and contain no any', async () => {
    const texts = await Promise.all((await declarations()).map((path) => readFile(path, 'utf8')))
    const code = texts.join('\n').replace(/\/\*[\s\S]*?\*\//g, '')
    const imported = Array.from(code.matchAll(/(?:from|import) '([^'.][^']*)'/g), ([, name]) => name)
    expect([...new Set(imported)].sort()).toEqual(['@opentelemetry/api', 'fastify', 'prom-client', 'typebox'])
    expect(code).not.toMatch(/\bany\b|node_modules|reference types/)
  })

  it('has a subpath for each of its parts', async () => {
    const names = ['', '/client', '/protocol', '/redis', '/testing', '/metrics', '/tracing']
    const operators = ['/admin', '/cluster', '/dashboard', '/emitter', '/health']
    const doors = [...names, ...operators].map((name) => `fastify-phoenix${name}`)
    const script = doors.map((door) => `console.log(Object.keys(await import('${door}')).join())`).join('\n')
    const { stdout } = await run('node', ['--input-type=module', '-e', script], { cwd: folder })
    const [main, client, protocol, redis, testing, metrics, tracing, ...others] = stdout.split('\n')
    expect(main).toContain('defineChannel')
    expect(client).toBe('ReplyError,presence,recoverable,typed')
    expect(protocol).toContain('v2JsonSerializer')
    expect(redis).toBe('RedisEngine')
    expect(testing).toBe(
      'ExpectationError,JoinRefused,Refused,exactly,fakeServer,historySuite,pubsubSuite,startWorker,testEndpoint',
    )
    expect(metrics).toBe('mergeMetrics,metrics,metricsRoute,shareMetrics')
    expect(tracing).toBe('tracing')
    const [admin, ...plugins] = others
    expect(admin).toBe('Admin,admin,bearerToken,tokenMatcher')
    expect(plugins.slice(0, 4)).toEqual(['cluster', 'dashboard', 'Emitter,HistoryUnknownError', 'health'])
  })
})

describe('without the optional peer `redis`', () => {
  it('the command that needs it says which package to install', async () => {
    const redis = join(folder, 'node_modules/redis')
    await rename(redis, `${redis}-away`)
    onTestFinished(() => rename(`${redis}-away`, redis))
    const command = join(folder, 'node_modules/.bin/fastify-phoenix')
    await expect(run(command, ['broadcast', 'room:a', 'said', '{}'])).rejects.toMatchObject({
      code: 1,
      stderr: 'fastify-phoenix broadcast: the package redis is missing; install it: npm install redis\n',
    })
    const { stdout } = await run(command, ['--help'])
    expect(stdout).toContain('fastify-phoenix fake')
  })
})

// Each test compiles a project, with half the processor at best.
describe('the types', { timeout: 300_000 }, () => {
  // `module` decides which declarations are found, `exact` what is assignable. As all find the same declarations, which
  // is checked below, the two do not depend on each other: each value once is enough.
  const matrix = [
    { module: 'node16', exact: false },
    { module: 'nodenext', exact: true },
    { module: 'bundler', exact: false },
  ] as const
  const found = new Set<string>()
  let paths: string[]
  beforeAll(async () => {
    paths = await copyTypeTests()
  })

  it.each(matrix)(
    'accept and reject the samples with $module, exactOptionalPropertyTypes: $exact',
    async (options) => {
      const { errors, files } = checkAsUser([...paths, ...(await declarations())], options)
      expect(errors).toEqual([])
      found.add(files.join('\n'))
      expect(found.size, 'sets of declarations').toBe(1)
    },
  )

  it.each(matrix)(
    'accept and reject the same with TypeScript 7, $module, exactOptionalPropertyTypes: $exact',
    async (options) => {
      const { module, exact } = options
      const flags = ['--module', module === 'bundler' ? 'esnext' : module, '--moduleResolution', module]
      const checks = ['--strict', '--exactOptionalPropertyTypes', String(exact), '--skipLibCheck', 'false']
      const others = ['--target', 'es2022', '--types', 'node', '--noEmit', '--singleThreaded']
      const { stdout } = await run(
        join(folder, 'node_modules/.bin/tsc'),
        [...flags, ...checks, ...others, ...paths],
        { cwd: folder },
      )
      expect(stdout).toBe('')
    },
  )
})

/** Copy the tests of types to where the package is installed, as its users would write them; their paths. */
async function copyTypeTests(): Promise<string[]> {
  const doors = {
    'server/index': '',
    'server/testing/index': '/testing',
    'client/typed': '/client',
    'protocol/index': '/protocol',
  }
  const names = await readdir(`${root}test/types`)
  for (const name of names) {
    let text = await readFile(`${root}test/types/${name}`, 'utf8')
    for (const [source, door] of Object.entries(doors)) {
      text = text.replaceAll(`'../../${source}.ts'`, `'fastify-phoenix${door}'`)
    }
    await project.write(name, text.replaceAll(/'(\.\/\w+)\.ts'/g, "'$1.js'"))
  }
  return names.map((name) => join(folder, name))
}

describe('with a ws that does not bound floods', () => {
  it.each(['8.18.3', '8.22.2'])('the plugin does not start: ws %s', async (version) => {
    const { stdout } = await run('npm', ['pack', '--json', '--prefer-offline', `ws@${version}`], {
      cwd: folder,
    })
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
    const ws = join(folder, 'node_modules/ws')
    await rename(ws, `${ws}-new`)
    onTestFinished(async () => {
      await rm(ws, { recursive: true })
      await rename(`${ws}-new`, ws)
    })
    await mkdir(ws)
    await run('tar', ['xzf', filename, '--strip-components=1', '-C', ws], { cwd: folder })
    const script = `
      import fastify from 'fastify'
      import { defineSocket, phoenix } from 'fastify-phoenix'
      const socket = defineSocket({ connect: () => ({ ok: {} }) })
      await fastify().register(phoenix, { sockets: { '/socket': socket } }).ready().catch((error) => {
        console.log(error.code, error.message)
      })`
    const { stdout: said } = await run('node', ['--input-type=module', '-e', script], { cwd: folder })
    expect(said).toMatch(
      new RegExp(
        `^PHX_ERR_WS_VERSION @fastify/websocket must use ws .*\\(got ${version}\\): .*Run npm i ws@\\S+\\n$`,
      ),
    )
  })
})

/** The package's own declarations. */
async function declarations(): Promise<string[]> {
  const dist = join(folder, 'node_modules/fastify-phoenix/dist')
  return (await readdir(dist)).filter((name) => name.endsWith('.d.ts')).map((name) => join(dist, name))
}
