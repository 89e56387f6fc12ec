import { parseArgs } from 'node:util'
import { cluster } from '../cluster/index.ts'
import { loggerOptions } from './logger.ts'
import { serve } from './serve.ts'
import { help, readSettings } from './settings.ts'

/**
 * Run the chat with the arguments and the environment of this process. Rejects with a message of one line if a setting
 * is invalid.
 */
export async function chat(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, workers: { type: 'string' } } })
  if (values.help) return void process.stdout.write(help)
  const { workers: WORKERS = process.env['WORKERS'] } = values
  const settings = readSettings({ ...process.env, WORKERS })
  await cluster({
    workers: settings.workers,
    start: () => serve(settings),
    shutdownDelay: settings.shutdownDelayMs,
    logger: loggerOptions(settings.logLevel),
  })
}
