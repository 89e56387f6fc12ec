import { Token } from '../token/token.ts'

/** Where a session is: the node that holds it, and its name there, which nobody can guess. */
export type SessionAddress = {
  readonly nodeId: string
  readonly sessionId: string
  /** The batch that came with the token, by another node; 0 for none: whoever shows the token has it. */
  readonly received: number
}

/** What tokens are signed with: a secret, and the URL of the mount, which is all that they are good for. */
export type TokenKey = { readonly secret: string; readonly url: string }

/** Two weeks, in seconds, as Phoenix has it; a session that is polled does not live as long. */
const MAX_AGE = 1_209_600

/** The token by which a client finds its session again (LONGPOLL-3). */
export function signToken(key: TokenKey, { nodeId, sessionId, received }: SessionAddress): string {
  return Token.sign(key.secret, salt(key), [nodeId, sessionId, received], { maxAge: MAX_AGE })
}

/** Where the session of a token is; null for what is no token, one that is too old, or another mount's. */
export function verifyToken(key: TokenKey, token: unknown): SessionAddress | null {
  const result = Token.verify(key.secret, salt(key), token)
  if (!('ok' in result) || !Array.isArray(result.ok)) return null
  const [nodeId, sessionId, received] = result.ok
  if (typeof nodeId !== 'string' || typeof sessionId !== 'string' || typeof received !== 'number') return null
  return { nodeId, sessionId, received }
}

function salt({ url }: TokenKey): string {
  return `longpoll:${url}`
}
