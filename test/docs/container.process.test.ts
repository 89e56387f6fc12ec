import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../server/app/app.ts'
import { readSettings, settings } from '../../server/app/settings.ts'
import { root } from '../helpers/markdown.ts'

const run = promisify(execFile)
const read = (path: string): string => readFileSync(root + path, 'utf8')
const all = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, one = '']) => one)

const dockerfile = read('Dockerfile')
const compose = read('docker-compose.yml')
const nginx = read('docs/nginx.conf')
/** Paths that `.dockerignore` admits to the build. */
const allowed = all(read('.dockerignore'), /^!(.+)$/gm)
/** The environment that the image gives the app. */
const imageEnv = Object.fromEntries(
  all(dockerfile, /^ENV (.+)$/gm).flatMap((line) => line.split(' ').map((pair) => pair.split('='))),
)

it('the image copies only files that exist', () => {
  expect(allowed.filter((path) => !existsSync(root + path))).toEqual([])
  const copied = all(dockerfile, /^COPY (?!--from)(.+) \S+$/gm).flatMap((files) => files.split(' '))
  expect(copied.filter((path) => path !== '.' && !allowed.includes(path))).toEqual([])
})

it('the image has all packages that the bundle imports, and none that only development needs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'image-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const path of allowed) await cp(root + path, join(folder, path), { recursive: true })
  await symlink(`${root}node_modules`, join(folder, 'node_modules'))
  expect(dockerfile).toContain('RUN npx tsup --no-dts\n')
  await run('npx', ['tsup', '--no-dts'], { cwd: folder })
  await run(process.execPath, ['.ci/app-packages.mjs'], { cwd: folder })

  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const files = (await readdir(join(folder, 'dist/app'))).filter((name) => name.endsWith('.js'))
  const texts = files.map((name) => readFile(join(folder, 'dist/app', name), 'utf8'))
  const bundle = (await Promise.all(texts)).join('\n')
  const imported = all(bundle, /^(?:import|export) .*?from "((?:@[^/"]+\/)?[^/"]+)/gm).filter(
    (name) => !isBuiltin(name),
  )
  expect(imported).toContain('fastify')
  expect(imported.filter((name) => !(name in dependencies))).toEqual([])
  expect(Object.keys(dependencies)).not.toContain('vitest')
  for (const page of ['dist/client', 'dist/dashboard']) {
    expect(existsSync(join(folder, page, 'index.html'))).toBe(true)
    expect(dockerfile).toContain(`COPY --from=build /build/${page} ./${page}\n`)
  }
})

it('the image is healthy while the app answers', async () => {
  const { app } = await buildApp({ notifyEveryMs: 0, logLevel: 'silent' })
  onTestFinished(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const [, command = '[]'] = /^HEALTHCHECK [^[]+(\[.+\])$/m.exec(dockerfile) ?? []
  const [, ...args] = JSON.parse(command)
  const check = () => run(process.execPath, args, { env: { ...process.env, PORT: String(port) } })

  await expect(check()).resolves.toMatchObject({ stdout: '' })
  await app.close()
  await expect(check()).rejects.toMatchObject({ code: 1 })
})

it('the example uses only settings that the app knows and accepts', () => {
  const pairs = Array.from(compose.matchAll(/^ {4}([A-Z_]+): (.+)$/gm), ([, name = '', value = '']) => [
    name,
    // Values that the operator must give.
    value.replace(/^\$\{\w+:\?.*\}$/, 'given-by-the-operator'),
  ])
  const names = settings.map(({ name }) => name)
  expect(pairs.filter(([name = '']) => !names.includes(name))).toEqual([])
  const env = { ...imageEnv, ...Object.fromEntries(pairs) }
  expect(readSettings(env)).toMatchObject({ host: '0.0.0.0', redisUrl: 'redis://redis:6379' })
})

it('in the example, the proxy looks up the addresses of the nodes', () => {
  const services = all(compose, /^ {2}([\w-]+):(?: \*node)?$/gm)
  const nodes = all(compose, /^ {2}([\w-]+): \*node$/gm)
  expect(all(nginx, /^ +server ([\w-]+:\d+)/gm)).toEqual(nodes.map((node) => `${node}:${imageEnv['PORT']}`))
  expect(services).toContain(new URL(/redis:\/\/\S+/.exec(compose)?.[0] ?? '').hostname)
  expect(all(compose, /- \.\/(\S+):\/etc/g).filter((path) => !existsSync(root + path))).toEqual([])
  expect(all(compose, /- \d+:(\d+)$/gm)).toEqual(all(nginx, /listen (\d+);/g))
})

it('the proxy of the example does not log queries', () => {
  const [format = ''] = /log_format path [^;]+;/.exec(nginx) ?? []
  expect(format).toContain('$uri')
  expect(nginx).not.toMatch(/\$(?:request|request_uri|args|query_string|http_referer|arg_\w+)\b/m)
  expect(all(nginx, /^ *(access_log|error_log) /gm)).toEqual(['error_log', 'access_log'])
  expect(nginx).toMatch(/access_log \S+ path;/)
  // At lower levels it writes the whole first line of a request.
  expect(nginx).toMatch(/error_log \S+ crit;/)
})
