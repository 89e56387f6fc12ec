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

/** Fields of an official client that all its versions have and no type declares. */
type Inside = {
  heartbeatTimer?: NodeJS.Timeout
  reconnectTimer: { reset(): void }
  channels: { rejoinTimer: { reset(): void }; joinPush: { cancelTimeout(): void } }[]
}

/** Disconnect an official client when the test has finished, for good. */
export function endAfterTest(socket: OfficialSocket): void {
  onTestFinished(async () => {
    await new Promise<void>((done) => void socket.disconnect(() => done()))
    stopTimers(socket)
  })
}

/**
 * Stop the timers of an official client that is no longer used. Old versions try to rejoin for ever, also after
 * `disconnect`. A later test of the same process that uses fake timers would count such a timer.
 */
export function stopTimers(socket: OfficialSocket): void {
  const inside = socket as unknown as Inside
  clearInterval(inside.heartbeatTimer)
  inside.reconnectTimer.reset()
  for (const { rejoinTimer, joinPush } of inside.channels) {
    rejoinTimer.reset()
    joinPush.cancelTimeout()
  }
  // An error of the closed connection may still come. It must find no channel.
  inside.channels = []
  // Newer versions may be waiting for an old connection to close, and connect again afterwards.
  socket.connect = () => {}
}
