import { findChromium } from '../helpers/chromium.ts'
import { installChromium, installRedis } from '../helpers/install.ts'
import { findRedis } from '../helpers/redis.ts'

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
    { name: 'Redis', find: findRedis, install: installRedis },
  ]
  const missing = []
  for (const tool of tools) {
    const path = await tool.find(process.env).catch(() => null)
    if (path === null) missing.push(tool)
  }
  if (missing.length === 0) return
  console.log(`Installing for the tests: ${missing.map(({ name }) => name).join(' and ')}`)
  for (const { install } of missing) await install()
}
