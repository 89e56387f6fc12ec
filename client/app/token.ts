import type { Store } from './store.ts'

/** Key under which the token is stored. */
export const TOKEN = 'fastify-phoenix.token'
const IN_HASH = /^#token=([^&]+)(?:&room=([^&]+))?$/
/** Characters of a bearer token (RFC 6750). */
const LEGAL = /^[\w.~+/-]+=*$/
const SUBJECT = /^[\w-]{1,64}$/

/**
 * Read a token from the hash of the page's URL (`#token=…`) and store the token. A link to this page can contain a
 * token, for example after a sign-in. A malicious link can contain a token too: if the stored token is for another
 * user, `ask` must return true before the new token replaces it.
 * @returns the rest of the hash, `#room` or empty; null if the hash has no token
 */
export function takeToken(hash: string, store: Store, ask: (question: string) => boolean): string | null {
  const [, token, room] = IN_HASH.exec(hash) ?? []
  if (token === undefined) return null
  const own = store.getItem(TOKEN)
  if (LEGAL.test(token) && (own === null || isSameUser(own, token) || ask(question(own, token)))) {
    store.setItem(TOKEN, token)
  }
  return room === undefined ? '' : `#${room}`
}

/** Store the token of a sign-in. */
export function keepToken(token: string, store: Store): void {
  store.setItem(TOKEN, token)
}

/** Stored token, which is sent when the page connects; empty if no token is stored. */
export function authToken(store: Store): string {
  return store.getItem(TOKEN) ?? ''
}

/** Headers of requests to the API. */
export function apiHeaders(store: Store): Record<string, string> {
  const token = store.getItem(TOKEN)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}

function isSameUser(own: string, other: string): boolean {
  if (own === other) return true
  const subject = subjectOf(own)
  return subject !== null && subject === subjectOf(other)
}

function question(own: string, other: string): string {
  const [from, to] = [subjectOf(own), subjectOf(other) ?? 'another user']
  const state = from === null ? 'already signed in' : `signed in as ${from}`
  return `This link signs you in as ${to}. You are ${state}. Continue only if you trust the link.`
}

/** User in the claim `sub` of a JWT. Returns null for a token that the page cannot read. */
function subjectOf(token: string): string | null {
  const [, claims = ''] = token.split('.')
  try {
    const { sub } = JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/')))
    return typeof sub === 'string' && SUBJECT.test(sub) ? sub : null
  } catch {
    return null
  }
}
