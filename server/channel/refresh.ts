import { type TSchema, Type } from 'typebox'
import { object, type Rule, rule } from '../../protocol/check.ts'
import type { Contract } from '../../protocol/index.ts'
import type { Channel } from './channel.ts'
import { shutdown } from './result.ts'

/** Events with which clients of a channel refresh their token. */
export type AuthOptions = {
  readonly refresh: {
    /** Event that is pushed once before the connection expires, with `{ expires_in_ms }`. */
    readonly warn: string
    /** Event with which the client sends a fresh token, as `{ token }`. */
    readonly event: string
  }
}

/** Reply to a fresh token: milliseconds until the token expires (null for never), or the reason of the refusal. */
export type RefreshReply =
  | { readonly ok: { readonly expires_in_ms: number | null } }
  | { readonly error: { readonly reason: string; readonly retry_after_ms?: number } }
/** Result of a token refresh. If the token does not allow the channel's topic, `isClosing` is true. */
export type Refreshed = { readonly reply: RefreshReply; readonly isClosing: boolean }

/** Schema of the refresh event's payload. */
export const FreshToken: TSchema = Type.Object({ token: Type.String() })

/** Rule that checks the option `auth`. The option's event names must not be in the contract. */
export function authRule({ incoming = {}, outgoing = {} }: Contract): Rule {
  const refresh = object<AuthOptions['refresh']>(
    { warn: newEvent('outgoing', outgoing), event: newEvent('incoming', incoming) },
    ['warn', 'event'],
  )
  return object<AuthOptions>({ refresh }, ['refresh'])
}

function newEvent(where: string, events: object): Rule {
  return rule(
    `the name of an event that is not in \`${where}\` of the contract`,
    (name) => typeof name === 'string' && name !== '' && !Object.hasOwn(events, name),
  )
}

/**
 * Handler of the refresh event. If the fresh token does not allow the channel's topic, the channel closes after the
 * reply.
 */
export async function handleRefresh(payload: unknown, socket: unknown): Promise<unknown> {
  // The casts are safe: the schema has checked the payload, and each handler gets its channel as `socket`.
  const { token } = payload as { token: string }
  const { connection, topic } = socket as Channel
  const { reply, isClosing } = await connection.refresh(token, topic)
  return isClosing ? { stop: shutdown('unauthorized'), reply } : reply
}
