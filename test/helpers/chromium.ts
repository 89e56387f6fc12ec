import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'

/** Chromium's engine without its windows: a page costs a quarter of the processor time, a new context too. */
const SHELLS = ['chromium-headless-shell', 'chrome-headless-shell', 'headless_shell']
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const PLACES = [
  '/usr/bin/chromium',
  '/snap/bin/chromium',
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** Start a browser without a window: a headless shell if there is one. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch(launchOptions((await findShell(process.env)) ?? (await findChromium(process.env))))
}

/** Start a browser with a profile of its own, which may have preferences; a headless shell reads none. */
export async function launchChromiumIn(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, launchOptions(await findChromium(process.env)))
}

function launchOptions(executablePath: string) {
  // As root Chromium starts only without its sandbox.
  return { executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox', ...QUIET] : QUIET }
}

/** The path of a browser that runs. @throws Error if there is none. */
export async function findChromium(env: NodeJS.ProcessEnv): Promise<string> {
  const chosen = env['CHROMIUM_PATH']
  if (chosen) {
    if (await runs(chosen)) return chosen
    throw new Error(`CHROMIUM_PATH=${chosen} is not a browser that runs.`)
  }
  const path = await firstThatRuns([...onPath(NAMES, env), ...PLACES, chromium.executablePath()])
  if (path !== null) return path
  throw new Error('No browser for the tests of the page: install Chromium or Chrome, or set CHROMIUM_PATH.')
}

/** The path of a headless shell that runs; null if there is none, or CHROMIUM_PATH names another browser. */
export async function findShell(env: NodeJS.ProcessEnv): Promise<string | null> {
  return env['CHROMIUM_PATH'] ? null : firstThatRuns(onPath(SHELLS, env))
}

function onPath(names: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const folders = (env['PATH'] ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

async function firstThatRuns(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if (existsSync(path) && (await runs(path))) return path
  return null
}

/** False for what only looks like a browser: a stub that points to snap, or one whose libraries are missing. */
function runs(path: string): Promise<boolean> {
  return promisify(execFile)(path, ['--version'], { timeout: 30_000 }).then(
    () => true,
    () => false,
  )
}
