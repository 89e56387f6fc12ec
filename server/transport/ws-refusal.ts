import type { WebSocket } from 'ws'
import { CLOSE_MESSAGE_TOO_BIG, CLOSE_POLICY_VIOLATION, CLOSE_PROTOCOL_ERROR } from '../../protocol/index.ts'

const REFUSED = Symbol('phoenix.refused')
type Refused = WebSocket & { [REFUSED]?: number }

/** Close code for a text message that is not UTF-8 (RFC 6455, section 7.4.1). */
const CLOSE_NOT_UTF8 = 1007

/**
 * Error listener of all connections. When `ws` refuses a message and closes the connection, this listener stores the
 * close code, which `ws` does not expose. The listener ignores errors of Node: these only report broken connections.
 */
export function noteRefusal(this: Refused, error: Error & { readonly code?: string }): void {
  const code = error.code ?? ''
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this[REFUSED] = CLOSE_MESSAGE_TOO_BIG
  else if (code === 'WS_ERR_INVALID_UTF8') this[REFUSED] = CLOSE_NOT_UTF8
  else if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') this[REFUSED] = CLOSE_POLICY_VIOLATION
  else if (code.startsWith('WS_ERR_')) this[REFUSED] = CLOSE_PROTOCOL_ERROR
}

/** Close code with which `ws` refused a message of the client; null if `ws` refused no message. */
export function refusedCode(ws: WebSocket): number | null {
  const refused: Refused = ws
  return refused[REFUSED] ?? null
}
