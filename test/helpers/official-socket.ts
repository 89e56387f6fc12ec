import { onTestFinished } from 'vitest'

/**
 * Short delays for an official client, doubled after each failure. Version 1.3 repeats its join after such a delay until
 * a reply arrives in time; with a constant delay, it would never join on a busy machine.
 */
export const SOON = { reconnectAfterMs: soon, rejoinAfterMs: soon }

function soon(tries: number): number {
  return Math.min(20 * 2 ** (tries - 1), 1_000)
}

type OfficialSocket = InstanceType<typeof import('phoenix').Socket>

/** Timers of an official client, which all its versions have and no type declares. */
type Timers = {
  heartbeatTimer?: NodeJS.Timeout
  reconnectTimer: { reset(): void }
  channels: { rejoinTimer: { reset(): void }; joinPush: { cancelTimeout(): void } }[]
}

/**
 * Disconnect an official client when the test has finished, and stop its timers. Old versions try to rejoin for ever,
 * also after `disconnect`. Such a timer would be counted by a later test of the same process that uses fake timers.
 */
export function endAfterTest(socket: OfficialSocket): void {
  onTestFinished(async () => {
    await new Promise<void>((done) => void socket.disconnect(() => done()))
    const { heartbeatTimer, reconnectTimer, channels } = socket as unknown as Timers
    clearInterval(heartbeatTimer)
    reconnectTimer.reset()
    for (const { rejoinTimer, joinPush } of channels) {
      rejoinTimer.reset()
      joinPush.cancelTimeout()
    }
  })
}
