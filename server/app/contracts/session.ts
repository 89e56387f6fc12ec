import { Type } from 'typebox'
import { Person, PersonName } from './room.ts'

/** Whose token a request shows, and what the page can do about it. */
export const Session = Type.Object({
  hasUsers: Type.Boolean({ description: 'Whether the chat asks for tokens' }),
  canSignIn: Type.Boolean({ description: 'Whether POST /api/session signs in, as with DEV_LOGIN' }),
  user: Type.Union([Person, Type.Null()], { description: 'The user of the token; null without a good one' }),
  rooms: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'The only rooms that the user may enter; null: all that are not private',
  }),
})

/** A sign-in for development. */
export const SignIn = Type.Object({ name: PersonName })

/** Its token. */
export const SignedIn = Type.Object({ token: Type.String() })
