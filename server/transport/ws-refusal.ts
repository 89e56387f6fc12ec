import type { WebSocket } from 'ws'
import { CLOSE_MESSAGE_TOO_BIG, CLOSE_POLICY_VIOLATION, CLOSE_PROTOCOL_ERROR } from '../../protocol/index.ts'

const REFUSED = Symbol('phoenix.refused')
type Refused = WebSocket & { [REFUSED]?: number }

/** RFC 6455, section 7.4.1: the text of a message is not UTF-8. */
const CLOSE_NOT_UTF8 = 1007

/**
 * The one listener for errors of all connections: `ws` closes a connection that has one, and does not say
 * with which code. A connection that breaks has an error of Node's, which is no refusal.
 */
export function noteRefusal(this: Refused, error: Error & { readonly code?: string }): void {
  const code = error.code ?? ''
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this[REFUSED] = CLOSE_MESSAGE_TOO_BIG
  else if (code === 'WS_ERR_INVALID_UTF8') this[REFUSED] = CLOSE_NOT_UTF8
  else if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') this[REFUSED] = CLOSE_POLICY_VIOLATION
  else if (code.startsWith('WS_ERR_')) this[REFUSED] = CLOSE_PROTOCOL_ERROR
}

/** The code with which `ws` has refused what the client sent; null if it has not. */
export function refusedCode(ws: WebSocket): number | null {
  const refused: Refused = ws
  return refused[REFUSED] ?? null
}
