import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { bearerToken } from '../../admin/index.ts'
import { authOf, mintToken, verifyToken } from '../auth.ts'
import { Session, SignedIn, SignIn } from '../contracts/session.ts'
import { problemResponses } from '../errors.ts'
import type { Settings } from '../settings.ts'

/** Lifetime, in seconds, of a token from the development sign-in (DEV_LOGIN). */
const SIGNED_IN_S = 12 * 3_600

const show = {
  summary: "Get the user of the request's token",
  description:
    'If the token is missing or invalid, the response is 200 and `user` is null. ' +
    'This lets a page check its token after its socket was refused.',
  tags: ['session'],
  response: { 200: Session, ...problemResponses(429, 500, 503) },
}
const signIn = {
  summary: 'Sign in under any name, for development (DEV_LOGIN)',
  tags: ['session'],
  body: SignIn,
  response: { 201: SignedIn, ...problemResponses(400, 413, 415, 429, 500, 503) },
}

/** Plugin with the routes that return the signed-in user and, in development, sign a user in. */
export async function sessionRoutes(fastify: FastifyInstance, settings: Settings): Promise<void> {
  const app = fastify.withTypeProvider<TypeBoxTypeProvider>()
  const auth = authOf(settings)
  const canSignIn = auth !== null && settings.devLogin

  app.get('/session', { schema: show }, async (request) => {
    const token = bearerToken(request)
    const verified = auth === null || token === null ? null : await verifyToken(auth, token)
    const { id, name, rooms } = verified?.user ?? { id: '', name: '', rooms: null }
    return {
      hasUsers: auth !== null,
      canSignIn,
      user: verified && { id, name },
      rooms: rooms && [...rooms],
    }
  })

  if (canSignIn) {
    app.post('/session', { schema: signIn }, async (request, reply) => {
      const token = await mintToken(auth, { name: request.body.name, expiresIn: SIGNED_IN_S })
      return reply.code(201).send({ token })
    })
  }
}
