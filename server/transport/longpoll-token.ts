import { sign, verify } from '../token/token.ts'

/** Location of a session: the id of its node, and the session's own id, which cannot be guessed. */
export type SessionAddress = {
  readonly nodeId: string
  readonly sessionId: string
  /**
   * Number of the batch of messages (`PollBatch`) that was sent together with the token; 0 for none. A client that
   * sends the token has received this batch.
   */
  readonly received: number
}

/** Secret that signs tokens, and the URL of the mount. Tokens are valid only for this mount. */
export type TokenKey = { readonly secret: string; readonly url: string }

/** Maximum age of a token in seconds: two weeks, as in Phoenix. */
const MAX_AGE = 1_209_600

/** Sign the token that names a client's session. The client sends the token with each request (LONGPOLL-3). */
export function signSessionToken(key: TokenKey, { nodeId, sessionId, received }: SessionAddress): string {
  return sign(key.secret, salt(key), [nodeId, sessionId, received], { maxAge: MAX_AGE })
}

/** Location of the session that a token names; null if the token is invalid, expired or belongs to another mount. */
export function verifySessionToken(key: TokenKey, token: unknown): SessionAddress | null {
  const result = verify(key.secret, salt(key), token)
  if (!('ok' in result) || !Array.isArray(result.ok)) return null
  const [nodeId, sessionId, received] = result.ok
  if (typeof nodeId !== 'string' || typeof sessionId !== 'string' || typeof received !== 'number') return null
  return { nodeId, sessionId, received }
}

function salt({ url }: TokenKey): string {
  return `longpoll:${url}`
}
