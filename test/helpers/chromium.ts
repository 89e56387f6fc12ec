import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'

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

/** Start a browser without a window. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch(await launchOptions())
}

/** The same with a profile of its own, which may have preferences. */
export async function launchChromiumIn(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, await launchOptions())
}

async function launchOptions() {
  const executablePath = await findChromium(process.env)
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
  const folders = (env['PATH'] ?? '').split(delimiter)
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))
  const candidates = [...onPath, ...PLACES, chromium.executablePath()]
  for (const path of candidates) if (existsSync(path) && (await runs(path))) return path
  throw new Error('No browser for the tests of the page: install Chromium or Chrome, or set CHROMIUM_PATH.')
}

/** False for what only looks like a browser: a stub that points to snap, or one whose libraries are missing. */
function runs(path: string): Promise<boolean> {
  return promisify(execFile)(path, ['--version'], { timeout: 30_000 }).then(
    () => true,
    () => false,
  )
}
