/** How the app runs, read from the environment. */
export type Settings = {
  readonly port: number
  readonly host: string
  /** Milliseconds between two rounds of the NotificationWorker; 0 = it does not run. */
  readonly notifyEveryMs: number
  readonly logLevel: string
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** What `npm start -- --help` prints. */
export const help = `Usage: npm start

Serves the chat. It is set up by environment variables:
  PORT             port to listen on                                        4000
  HOST             address to listen on                                     127.0.0.1
  NOTIFY_EVERY_MS  milliseconds between background messages, 0 = none       5000
  LOG_LEVEL        ${LOG_LEVELS.join(', ')}      info
`

/** Read the settings. @throws Error with one line that says what is wrong and what is legal. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const logLevel = env['LOG_LEVEL'] ?? 'info'
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new Error(`LOG_LEVEL=${logLevel} is not one of ${LOG_LEVELS.join(', ')}`)
  }
  return {
    port: integer(env, 'PORT', { fallback: 4000, max: 65_535 }),
    host: env['HOST'] || '127.0.0.1',
    notifyEveryMs: integer(env, 'NOTIFY_EVERY_MS', { fallback: 5000, max: 2 ** 31 - 1 }),
    logLevel,
  }
}

function integer(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  { fallback, max }: { fallback: number; max: number },
): number {
  const text = env[name] ?? String(fallback)
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > max)
    throw new Error(`${name}=${text} is not a whole number from 0 to ${max}`)
  return value
}
