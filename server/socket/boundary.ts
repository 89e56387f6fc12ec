import { CLOSE_INTERNAL_ERROR } from '../../protocol/index.ts'
import type { Channel } from '../channel/channel.ts'
import { shutdown } from '../channel/result.ts'
import type { ClosedReason } from '../channel/transport.ts'
import { CallbackError } from '../errors.ts'
import type { Socket } from './socket.ts'

// Last error boundary of a connection. An error that no other code has caught is reported here, and closes only the
// connection in which it happened.

/** Report an error of a connection, and close the connection (CLOSE-6). */
export function fault(socket: Socket, event: string, cause: unknown): void {
  socket.host.report(new CallbackError('socket', event, cause), { socketId: socket.id })
  socket.close(CLOSE_INTERNAL_ERROR, 'closed')
}

/** End the channels of a closed connection. An error of one channel does not affect the others. */
export function endChannels(socket: Socket, channels: Iterable<Channel>, reason: ClosedReason): void {
  for (const channel of channels) {
    try {
      channel.end(shutdown(reason), null)
    } catch (cause) {
      fault(socket, 'closed', cause)
    }
  }
}
