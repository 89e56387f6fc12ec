import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../helpers/markdown.ts'
import { until } from '../helpers/until.ts'

/** Files that `npm start` and `npm run dev` build and run. */
const SOURCES = [
  ...['protocol', 'server', 'client', 'test/conformance'],
  ...['package.json', 'tsconfig.json', 'tsup.config.ts'],
]

test('npm run dev serves the page, restarts with a changed source, and leaves no process', async () => {
  const folder = await copyOfSources()
  const dev = run('npm', ['run', 'dev'], folder)

  const first = await dev.url(1)
  expect(await read(`${first}/`)).toContain('<title>fastify-phoenix</title>')

  const path = join(folder, 'server/app/openapi.ts')
  const source = await readFile(path, 'utf8')
  await writeFile(path, source.replace("title: 'Chat'", "title: 'Changed'"))
  const second = await dev.url(2)
  expect(JSON.parse(await read(`${second}/docs/openapi.json`)).info.title).toBe('Changed')

  // To the group, as a terminal does: npm ends only its shell.
  dev.signal('SIGTERM')
  await until(() => !dev.signal(0))
})

test('a SIGTERM to npm ends the server that npm start has started', async () => {
  const start = run('npm', ['start'], await copyOfSources())
  await start.url(1)

  process.kill(start.pid, 'SIGTERM')

  await until(() => !start.signal(0))
})

/** Copy the sources to a folder of the test's own. */
async function copyOfSources(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sources-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const path of SOURCES) await cp(root + path, join(folder, path), { recursive: true })
  await symlink(`${root}node_modules`, join(folder, 'node_modules'))
  return folder
}

/** Run a program in a process group of its own, until the end of the test. */
function run(command: string, args: readonly string[], cwd: string) {
  const env = { ...process.env, PORT: '0', HOST: '127.0.0.1', NODE_ENV: 'development' }
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  /** Send a signal to all processes. Returns false if none is left. */
  function signal(name: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-Number(child.pid), name)
    } catch {
      return false
    }
  }
  onTestFinished(() => void signal('SIGKILL'))
  return {
    pid: Number(child.pid),
    signal,
    /** Address at which the server listens after its n-th start. */
    async url(n: number): Promise<string> {
      const urls = () => Array.from(output.matchAll(/listening at (http:\S+\d)/g), ([, url = '']) => url)
      await until(() => urls().length >= n)
      return urls()[n - 1] ?? ''
    },
  }
}

async function read(url: string): Promise<string> {
  const response = await fetch(url)
  return response.text()
}
