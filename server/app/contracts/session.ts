import { Type } from 'typebox'
import { Person, PersonName } from './room.ts'

/** Response to GET /api/session: the user of the request's token, and how users sign in. */
export const Session = Type.Object({
  hasUsers: Type.Boolean({ description: 'True if the chat requires tokens' }),
  canSignIn: Type.Boolean({ description: 'True if POST /api/session signs users in (DEV_LOGIN)' }),
  user: Type.Union([Person, Type.Null()], { description: 'Signed-in user; null without a valid token' }),
  rooms: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description:
      'Rooms that `user` can enter; null if `user` is null, or if `user` can enter all rooms that are not private',
  }),
})

/** Body of the development sign-in (DEV_LOGIN). */
export const SignIn = Type.Object({ name: PersonName })

/** Response to a sign-in, with the token. */
export const SignedIn = Type.Object({ token: Type.String() })
