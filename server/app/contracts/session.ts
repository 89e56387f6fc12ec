import { Type } from 'typebox'
import { Person, PersonName } from './room.ts'

/** The user of a request's token, and the sign-in options of the page. */
export const Session = Type.Object({
  hasUsers: Type.Boolean({ description: 'True if the chat requires tokens' }),
  canSignIn: Type.Boolean({ description: 'True if POST /api/session signs users in (DEV_LOGIN)' }),
  user: Type.Union([Person, Type.Null()], { description: 'User of the token; null without a valid one' }),
  rooms: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'Rooms that the user can enter; null = all that are not private',
  }),
})

/** A sign-in for development. */
export const SignIn = Type.Object({ name: PersonName })

/** Its token. */
export const SignedIn = Type.Object({ token: Type.String() })
