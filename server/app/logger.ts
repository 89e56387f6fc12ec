import { createRequire } from 'node:module'

/** What decides how the log looks. */
export type Surroundings = {
  /** The environment variable. */
  readonly nodeEnv: string | undefined
  /** Whether somebody reads along at a terminal. */
  readonly isTerminal: boolean
  /** Whether a package can be found. */
  readonly has: (name: string) => boolean
}

const here: Surroundings = {
  nodeEnv: process.env['NODE_ENV'],
  isTerminal: process.stdout.isTTY,
  has: isInstalled,
}

const PRETTY = 'pino-pretty'

/** The options of the logger: JSON, but lines for people where a developer reads them at a terminal. */
export function loggerOptions(level: string, { nodeEnv, isTerminal, has }: Surroundings = here) {
  if (nodeEnv === 'production' || !isTerminal || !has(PRETTY)) return { level }
  return { level, transport: { target: PRETTY, options: { ignore: 'pid,hostname' } } }
}

/** Whether a package can be found from here. */
export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    // It is for development, and not there in production.
    return false
  }
}
