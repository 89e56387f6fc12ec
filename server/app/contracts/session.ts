import { Type } from 'typebox'
import { Person, PersonName } from './room.ts'

/** Answer to a page: the user that the token of the request identifies, and the sign-in options. */
export const Session = Type.Object({
  hasUsers: Type.Boolean({ description: 'True if the chat requires tokens' }),
  canSignIn: Type.Boolean({ description: 'True if POST /api/session signs users in (DEV_LOGIN)' }),
  user: Type.Union([Person, Type.Null()], { description: 'User of the token; null without a valid one' }),
  rooms: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'Rooms that the user can enter; null = all that are not private',
  }),
})

/** Body of a sign-in for development. */
export const SignIn = Type.Object({ name: PersonName })

/** Response to a sign-in, with the token. */
export const SignedIn = Type.Object({ token: Type.String() })
