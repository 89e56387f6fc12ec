import { onTestFinished } from 'vitest'
import { Supervisor, type SupervisorOptions } from '../../server/supervisor/supervisor.ts'
import { Trace } from './trace.ts'
import { tracedWorker } from './traced-worker.ts'

/** A supervisor that stops when the test has finished. */
export function supervise(options: Partial<SupervisorOptions> = {}): Supervisor {
  const supervisor = new Supervisor({ strategy: 'one_for_one', ...options })
  onTestFinished(() => supervisor.stop())
  return supervisor
}

/** The same with traced workers, which have started. */
export async function family(names: string[], options: Partial<SupervisorOptions> = {}) {
  const trace = new Trace()
  const supervisor = supervise(options)
  for (const name of names) await supervisor.startChild({ worker: tracedWorker(name), context: { trace } })
  trace.take()
  return { supervisor, trace }
}

/** A logger that keeps its lines. */
export function recordingLogger() {
  const lines: { level: string; details: object; message: string }[] = []
  const line = (level: string) => (details: object, message: string) =>
    lines.push({ level, details, message })
  return { lines, error: line('error'), warn: line('warn') }
}
