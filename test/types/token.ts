// Compile-only: what a token's result is, with and without a schema.
import { Type } from 'typebox'
import { defineSocket, type Endpoint, Token } from '../../server/index.ts'

const User = Type.Object({ id: Type.Number() })
const secret = 'a secret of at least 20 bytes'

export const UserSocket = defineSocket({
  params: Type.Object({ token: Type.String() }),
  connect({ token }) {
    const result = Token.verify(secret, 'user', token, { schema: User, maxAge: 60 })
    if ('error' in result) return { error: result.error }
    const { ok, signedAt, expiresAt } = result
    const age: number = Date.now() - signedAt
    return { ok: { id: ok.id, age }, expiresAt }
  },
}).id(({ id }) => `user:${id + 1}`)

const bare = Token.decrypt(secret, 'user', undefined)
if ('ok' in bare) {
  // @ts-expect-error without a schema the data are unknown
  bare.ok.id
}
const typed = Token.decrypt(secret, 'user', Token.encrypt(secret, 'user', { id: 1 }), { schema: User })
// @ts-expect-error there may be an error instead
typed.ok

declare const endpoint: Endpoint
const subscription = endpoint.subscribe('room:a', ({ event, payload }) => {
  const data: unknown = payload
  return [event, data]
})
export const ready: Promise<void> = subscription.ready
void endpoint.broadcastFrom(subscription.id, 'room:a', 'said', {})
// @ts-expect-error the id comes first
void endpoint.broadcastFrom('room:a', 'said', {})
export const isThere: boolean = endpoint.sendInfo('id', 'name', 1)
