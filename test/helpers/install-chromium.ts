import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'

const TIMEOUT_MS = 300_000

/** The ways to get a browser onto this machine, best first. None throws; each says what it does. */
export function installers(): (() => Promise<void>)[] {
  const canUseApt = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  return canUseApt ? [downloadWithPlaywright, installWithApt] : [downloadWithPlaywright]
}

function downloadWithPlaywright(): Promise<void> {
  const cli = join(createRequire(import.meta.url).resolve('playwright-core/package.json'), '..', 'cli.js')
  return attempt('downloading Chromium with playwright-core', [
    [process.execPath, cli, 'install', '--no-shell', 'chromium'],
  ])
}

function installWithApt(): Promise<void> {
  return attempt('installing Chromium with apt-get', [
    ['apt-get', 'update', '-qq'],
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium'],
  ])
}

async function attempt(what: string, commands: [string, ...string[]][]): Promise<void> {
  console.log(`There is no browser for the tests of the page: ${what}…`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    for (const [command, ...args] of commands) {
      await promisify(execFile)(command, args, { timeout: TIMEOUT_MS, env })
    }
  } catch (error) {
    const [summary, cause] = (error instanceof Error ? error.message : String(error)).split('\n')
    console.log(`This failed: ${cause || summary}`)
  }
}
