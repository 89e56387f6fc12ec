import { copyFile } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

// The three parts are built at the same time, so each one cleans only what it writes itself.

/** The package: entries share their classes through chunks, else `instanceof` would not hold between them. */
const library: Options = {
  name: 'library',
  entry: { index: 'server/index.ts', protocol: 'protocol/index.ts', client: 'client/typed.ts' },
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

const PAGE = 'dist/client'

/** The page, complete with everything it loads. */
export const page: Options = {
  name: 'page',
  entry: { main: 'client/app/main.ts', style: 'client/app/style.css' },
  outDir: PAGE,
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  tsconfig: 'client/tsconfig.json',
  minify: true,
  sourcemap: true,
  clean: true,
  outExtension: () => ({ js: '.js' }),
  async onSuccess() {
    await Promise.all(
      ['index.html', 'icon.svg'].map((file) => copyFile(`client/app/${file}`, `${PAGE}/${file}`)),
    )
  },
}

/** `tsup` builds all; `tsup --no-dts` only what runs, which takes a fraction of the time. */
export default defineConfig((flags) => (flags.dts === false ? [app, page] : [library, app, page]))
