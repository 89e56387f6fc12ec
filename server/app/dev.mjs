// Builds the chat and its pages, then runs it. `npm run dev` starts this file again on each change of a source.
import process from 'node:process'
import { build } from 'tsup'

process.env['NODE_ENV'] ??= 'development'
await build({ dts: false, silent: true })
// Use a computed path, because the type checker does not know the file before the build.
await import(new URL('../../dist/app/main.js', import.meta.url).href)
