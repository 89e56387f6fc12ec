import { findChromium, findShell } from '../helpers/chromium.ts'
import { hasApt, installChromium, installRedis, installShell } from '../helpers/install.ts'
import { findRedis } from '../helpers/redis.ts'

/** Optional: the tests of pages run in any Chromium, in less time in this one. */
const SHELL = {
  name: 'the headless shell of Chromium',
  find: async (env: NodeJS.ProcessEnv) => env['CHROMIUM_PATH'] ?? findShell(env),
  install: installShell,
}

let installed: Promise<void> | null = null

/** Find the browser and the Redis of the tests; install what is missing, and say so first. */
export function setup(): Promise<void> {
  // Several tiers ask for the same.
  installed ??= installMissing()
  return installed
}

async function installMissing(): Promise<void> {
  const tools = [
    { name: 'Chromium', find: findChromium, install: installChromium },
    ...(hasApt() ? [SHELL] : []),
    { name: 'Redis', find: findRedis, install: installRedis },
  ]
  const missing = []
  for (const tool of tools) {
    const path = await tool.find(process.env).catch(() => null)
    if (path === null) missing.push(tool)
  }
  if (missing.length === 0) return
  console.log(`Installing for the tests: ${missing.map(({ name }) => name).join(', ')}`)
  for (const { install } of missing) await install()
}
