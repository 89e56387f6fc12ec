import cluster from 'node:cluster'
import { parseArgs } from 'node:util'
import { lead } from './cluster/lead.ts'
import { obey } from './cluster/obey.ts'
import { isOwnWorker } from './cluster/own-worker.ts'
import { fail } from './fail.ts'
import { serve } from './serve.ts'
import { help, readSettings, type Settings } from './settings.ts'
import { onStopSignal } from './signals.ts'

/** Run the chat as the arguments and the environment say. Rejects with what makes it useless to go on. */
export async function chat(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, workers: { type: 'string' } } })
  if (values.help) return void process.stdout.write(help)
  const { workers: WORKERS = process.env['WORKERS'] } = values
  const settings = readSettings({ ...process.env, WORKERS })
  if (isOwnWorker()) await obey(settings)
  // Under a process manager that forks by itself, such as PM2, a process has no workers of its own.
  else if (settings.workers > 0 && cluster.isPrimary) await lead(settings)
  else await alone(settings)
}

/** Run the app in this process. Rejects with what makes it useless to go on. */
async function alone(settings: Settings): Promise<void> {
  const serving = serve(settings)
  const stop = async (): Promise<void> => {
    const { leave, stop } = await serving
    await leave()
    await stop()
  }
  onStopSignal(() => void stop().then(() => process.exit(0), fail))
  const error = await (await serving).failed
  await stop()
  throw error
}
