import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { defineConfig, type Options } from 'tsup'

// The parts are built at the same time, so each one cleans only what it writes itself.

/** Subpaths of the package, and their sources. */
const doors: Readonly<Record<string, string>> = {
  index: 'server/index.ts',
  protocol: 'protocol/index.ts',
  client: 'client/typed.ts',
  redis: 'server/redis/index.ts',
  testing: 'server/testing/index.ts',
  cli: 'server/cli/main.ts',
  metrics: 'server/metrics/index.ts',
  admin: 'server/admin/index.ts',
  dashboard: 'server/dashboard/index.ts',
  health: 'server/health/index.ts',
  cluster: 'server/cluster/index.ts',
  tracing: 'server/tracing/index.ts',
  emitter: 'server/emitter/index.ts',
}

/** The package: entries share their classes through chunks, else `instanceof` would not hold between them. */
export const library: Options = {
  name: 'library',
  entry: doors,
  outDir: 'dist',
  format: 'esm',
  target: 'node20',
  dts: {
    entry: Object.fromEntries(Object.entries(doors).map(([name, source]) => [name, declarationOf(source)])),
  },
  sourcemap: true,
  skipNodeModulesBundle: true,
  clean: ['!app/**', '!conformance/**', '!client/**', '!dashboard/**'],
}

/**
 * Emit the declarations of the sources, which the build of `library` bundles. From sources it would make a program for
 * each entry. `npm run typecheck` checks the types.
 */
export async function emitDeclarations(): Promise<void> {
  const emitting = promisify(execFile)('npx', ['tsc', '-p', 'tsconfig.declarations.json'])
  await emitting.catch(({ stdout, message }) => {
    throw new Error(stdout || message)
  })
}

function declarationOf(source: string): string {
  return join('declarations', source.replace(/\.ts$/, '.d.ts'))
}

/** How programs for Node are built. */
const program: Options = { format: 'esm', target: 'node20', sourcemap: true, skipNodeModulesBundle: true }

/** What `npm start` runs: a start that needs no package, and the chat, which it imports. */
export const app: Options = {
  ...program,
  name: 'app',
  entry: { main: 'server/app/main.ts', token: 'server/app/token.ts' },
  outDir: 'dist/app',
  clean: true,
}

/** The reference app of `npm run conformance` in one file, and the client of `npm run jitter`. */
const conformance: Options = {
  ...program,
  name: 'conformance',
  entry: { main: 'test/conformance/main.ts', client: 'client/recoverable.ts' },
  outDir: 'dist/conformance',
  splitting: false,
}

/** The page of the chat, complete with everything it loads; the reference has its style from it. */
export function page(outDir: string): Options {
  const entry = { main: 'client/app/main.ts', style: 'client/app/style.css', docs: 'client/docs/style.css' }
  return { name: 'page', entry, ...forBrowsers(outDir, ['client/app/index.html', 'client/app/icon.svg']) }
}

/** The page of the dashboard, in a folder of its own: it is served only where it is asked for. */
export function dashboard(outDir: string): Options {
  const entry = { main: 'client/dashboard/main.ts', style: 'client/dashboard/style.css' }
  const files = ['client/dashboard/index.html', 'client/app/icon.svg']
  return { name: 'dashboard', entry, ...forBrowsers(outDir, files) }
}

/** How pages are built, with the files that are copied as they are. */
function forBrowsers(outDir: string, files: readonly string[]): Options {
  return {
    outDir,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    tsconfig: 'client/tsconfig.json',
    minify: true,
    sourcemap: true,
    clean: true,
    outExtension: () => ({ js: '.js' }),
    async onSuccess() {
      await Promise.all(files.map((file) => copyFile(file, join(outDir, basename(file)))))
    },
  }
}

/** `tsup` builds all; `tsup --no-dts` only what runs, which takes a fraction of the time. */
export default defineConfig(async (flags) => {
  const runnable = [app, conformance, page('dist/client'), dashboard('dist/dashboard')]
  if (flags.dts === false) return runnable
  await emitDeclarations()
  return [library, ...runnable]
})
