import { Type } from 'typebox'
import { defineSocket } from '../index.ts'
import { type Auth, type UserAssigns, verifyToken } from './auth.ts'
import { RoomChannel } from './channels/room-channel.ts'

const Params = Type.Object({ token: Type.Optional(Type.String()) })

/**
 * Create the socket of users. If `auth` is null, everybody can connect. Otherwise a client needs a valid token, as a
 * param or as `authToken`.
 */
export function userSocket(auth: Auth | null) {
  const admit = async (token: string | null) => {
    const verified = auth === null || token === null ? null : await verifyToken(auth, token)
    if (verified === null) return { error: 'unauthorized' }
    const { user, ...until } = verified
    return { ok: { user }, ...until }
  }
  return defineSocket<typeof Params, UserAssigns>({
    params: Params,
    connect({ token }, { authToken }) {
      // `authToken` has priority, because a long-poll client may send an old session token in the param `token`.
      return auth === null ? { ok: { user: null } } : admit(authToken ?? token ?? null)
    },
    refresh: admit,
  })
    .id(({ user }) => (user === null ? null : `users_socket:${user.id}`))
    .channel(RoomChannel)
}
