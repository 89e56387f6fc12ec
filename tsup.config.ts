import { copyFile } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

// The three parts are built at the same time, so each one cleans only what it writes itself.

/** The package: entries share their classes through chunks, else `instanceof` would not hold between them. */
export const library: Options = {
  name: 'library',
  entry: {
    index: 'server/index.ts',
    protocol: 'protocol/index.ts',
    client: 'client/typed.ts',
    redis: 'server/redis/index.ts',
    testing: 'server/testing/index.ts',
    metrics: 'server/metrics/index.ts',
    tracing: 'server/tracing/index.ts',
  },
  outDir: 'dist',
  format: 'esm',
  target: 'node20',
  dts: true,
  sourcemap: true,
  skipNodeModulesBundle: true,
  clean: ['!app/**', '!conformance/**', '!client/**'],
}

/** What `npm start` and `npm run conformance` run; each is one file. */
const app: Options = {
  name: 'app',
  entry: { 'app/main': 'server/app/main.ts', 'conformance/main': 'test/conformance/main.ts' },
  outDir: 'dist',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  splitting: false,
  skipNodeModulesBundle: true,
}

/** The page, complete with everything it loads. */
export function page(outDir: string): Options {
  return {
    name: 'page',
    entry: { main: 'client/app/main.ts', style: 'client/app/style.css', docs: 'client/docs/style.css' },
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
      const files = ['index.html', 'icon.svg']
      await Promise.all(files.map((file) => copyFile(`client/app/${file}`, `${outDir}/${file}`)))
    },
  }
}

/** `tsup` builds all; `tsup --no-dts` only what runs, which takes a fraction of the time. */
export default defineConfig((flags) => {
  const runnable = [app, page('dist/client')]
  return flags.dts === false ? runnable : [library, ...runnable]
})
