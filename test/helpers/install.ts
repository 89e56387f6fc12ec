import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'

const TIMEOUT_MS = 300_000
type Command = [file: string, ...args: string[]]

/** Download Chromium with playwright-core; where that cannot be reached, install Debian's package. */
export async function installChromium(): Promise<void> {
  const cli = join(createRequire(import.meta.url).resolve('playwright-core/package.json'), '..', 'cli.js')
  const isDownloaded = await run([process.execPath, cli, 'install', '--no-shell', 'chromium'])
  if (!isDownloaded) await aptInstall('chromium')
}

/** Install Debian's package of Chromium's headless shell. */
export async function installShell(): Promise<void> {
  await aptInstall('chromium-headless-shell')
}

/** Install Debian's package of Redis. */
export async function installRedis(): Promise<void> {
  await aptInstall('redis-server')
}

/** False for users who may not install packages, and where there is no apt-get. */
export function hasApt(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

async function aptInstall(name: string): Promise<void> {
  if (!hasApt()) return
  await run(['apt-get', 'update', '-qq'])
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', name])
}

/** True if the command succeeded; a failure is printed. */
async function run([file, ...args]: Command): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  console.log(`${file} ${args.join(' ')}`)
  try {
    await promisify(execFile)(file, args, { timeout: TIMEOUT_MS, env })
    return true
  } catch (error) {
    console.log(error instanceof Error ? error.message.split('\n').slice(0, 2).join(': ') : String(error))
    return false
  }
}
