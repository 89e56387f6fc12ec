import { type TSchema, Type } from 'typebox'
import { object, type Rule, rule } from '../../protocol/check.ts'
import type { Contract } from '../../protocol/index.ts'
import type { Channel } from './channel.ts'
import { shutdown } from './result.ts'

/** How the clients of a channel keep their connection beyond the end of their token. */
export type AuthOptions = {
  readonly refresh: {
    /** The event that is pushed once before the end, with `{ expires_in_ms }`. */
    readonly warn: string
    /** The event by which the client sends a fresh token, as `{ token }`. */
    readonly event: string
  }
}

/** What a fresh token is answered: for how many ms it is good (null = for ever), or why it is not taken. */
export type RefreshReply =
  | { readonly ok: { readonly expires_in_ms: number | null } }
  | { readonly error: { readonly reason: string; readonly retry_after_ms?: number } }
/** The same, and whether the channel that was sent the token is to close. */
export type Refreshed = { readonly reply: RefreshReply; readonly isClosing: boolean }

/** What a client sends. */
export const FreshToken: TSchema = Type.Object({ token: Type.String() })

/** The `auth` option of a channel with this contract, in which its events have names of their own. */
export function authRule({ incoming = {}, outgoing = {} }: Contract): Rule {
  const refresh = object<AuthOptions['refresh']>(
    { warn: newEvent('outgoing', outgoing), event: newEvent('incoming', incoming) },
    ['warn', 'event'],
  )
  return object<AuthOptions>({ refresh }, ['refresh'])
}

function newEvent(where: string, events: object): Rule {
  return rule(
    `the name of an event that is not among the contract's ${where} ones`,
    (name) => typeof name === 'string' && name !== '' && !Object.hasOwn(events, name),
  )
}

/** The handler of the refresh event. A channel that may not stay closes when its client has been answered. */
export async function handleRefresh(payload: unknown, socket: unknown): Promise<unknown> {
  // The schema has checked the payload, and a channel's handlers are called with the channel.
  const { token } = payload as { token: string }
  const { connection, topic } = socket as Channel
  const { reply, isClosing } = await connection.refresh(token, topic)
  return isClosing ? { stop: shutdown('unauthorized'), reply } : reply
}
