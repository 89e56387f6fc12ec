import type { Store } from './store.ts'

const TOKEN = 'fastify-phoenix.token'
const IN_HASH = /^#token=(.+)$/

/** Take a token out of the page's address, `#token=…`, where a sign-in page may have put it; true if there was one. */
export function takeToken(hash: string, store: Store): boolean {
  const token = IN_HASH.exec(hash)?.[1]
  if (token === undefined) return false
  store.setItem(TOKEN, token)
  return true
}

/** The params of the connection: the token, where the server wants one. */
export function connectParams(store: Store): { token?: string } {
  const token = store.getItem(TOKEN)
  return token === null ? {} : { token }
}

/** The headers of requests to the API. */
export function apiHeaders(store: Store): Record<string, string> {
  const token = store.getItem(TOKEN)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
