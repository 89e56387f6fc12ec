import { onTestFinished } from 'vitest'
import type { TelemetryChannel } from '../../server/telemetry/telemetry.ts'

/** Record the messages of a telemetry channel until the end of the test. */
export function listenTo<M>(channel: TelemetryChannel<M>): M[] {
  const told: M[] = []
  const listen = (message: M): void => void told.push(message)
  channel.subscribe(listen)
  onTestFinished(() => channel.unsubscribe(listen))
  return told
}
