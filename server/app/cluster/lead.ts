import fastify from 'fastify'
import { mergeMetrics } from '../../metrics/index.ts'
import { loggerOptions } from '../logger.ts'
import type { Settings } from '../settings.ts'
import { onStopSignal } from '../signals.ts'
import { Primary } from './primary.ts'

/** Run the app in worker processes that share its port. Rejects with what makes it useless to go on. */
export async function lead({ workers: count, shutdownDelayMs, logLevel }: Settings): Promise<void> {
  // For the log of the primary alone: it listens nowhere.
  const { log: logger } = fastify({ logger: loggerOptions(logLevel) })
  const primary = new Primary({ count, shutdownDelayMs, logger })
  mergeMetrics()
  process.once('exit', () => primary.kill())
  const stop = async (): Promise<never> => process.exit((await primary.stop()) ? 0 : 1)
  onStopSignal(() => void stop())
  process.on('SIGHUP', () => primary.reload())
  await primary.start()
  const error = await primary.failed
  await primary.stop()
  throw error
}
