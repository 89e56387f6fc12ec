import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callback, checkOption, nonEmptyString, type Rule } from '../../protocol/check.ts'
import { shown } from '../../protocol/shown.ts'
import { UsageError } from '../errors.ts'

/** Function that returns true if a request comes from an operator. */
export type Authorize = (request: FastifyRequest) => boolean | Promise<boolean>

/** Options for the access to routes for operators. `token` and `authorize` cannot both be set. */
export type GuardOptions = {
  /** Bearer token, at least 16 characters. Default: none. */
  readonly token?: string
  /** Function to use instead of `token`. Returns true if the request is allowed. Default: none. */
  readonly authorize?: Authorize
}

/** Rule that checks a token. The error message does not contain the token. */
const operatorToken: Rule = (value) => {
  if (typeof value === 'string' && /^[\x21-\x7e]{16,}$/.test(value)) return null
  const given = typeof value === 'string' ? describeToken(value) : shown(value)
  const legal = 'a string of at least 16 visible ASCII characters, without spaces'
  return { path: '', words: `must be ${legal} (got ${given})` }
}

function describeToken(token: string): string {
  const length = `a string of length ${token.length}`
  return /^[\x21-\x7e]*$/.test(token) ? length : `${length} with a character that is not allowed`
}

export const guardRules = { token: operatorToken, authorize: callback }

/**
 * Create the function that checks requests. Returns null if neither `token` nor `authorize` is set. @throws UsageError
 * when both are set.
 */
export function authorizeOf(owner: string, { token, authorize }: GuardOptions): Authorize | null {
  if (token !== undefined && authorize !== undefined) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      `${owner}: \`token\` and \`authorize\` exclude each other; give one`,
    )
  }
  if (token === undefined) return authorize ?? null
  const isToken = tokenMatcher(token)
  return (request) => {
    const given = bearerToken(request)
    return given !== null && isToken(given)
  }
}

/** Like `authorizeOf`, but exactly one of the two options must be set. @throws UsageError in all other cases. */
export function requiredAuthorizeOf(owner: string, options: GuardOptions): Authorize {
  const authorize = authorizeOf(owner, options)
  if (authorize !== null) return authorize
  throw new UsageError('PHX_ERR_OPTION', `${owner}: the option \`token\` or \`authorize\` is required`)
}

/** Create a hook that responds with 401 to requests that are not allowed. */
export function guard(authorize: Authorize) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (await authorize(request)) return
    const hasToken = bearerToken(request) !== null
    reply.header('www-authenticate', hasToken ? 'Bearer error="invalid_token"' : 'Bearer')
    throw new RequestError(
      401,
      'This route requires authorization, such as a valid token (`Authorization: Bearer …`).',
    )
  }
}

/** Error that refuses a request with an HTTP status. The application's error handler formats the response. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** Fields of a request that `bearerToken` reads. */
export type Authorized = { readonly headers: { readonly authorization?: string | undefined } }

/** Return the bearer token of a request (RFC 6750); null if the request has none. */
export function bearerToken({ headers }: Authorized): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
}

/**
 * Create a function that compares a text with the token. The duration of the comparison reveals nothing about the
 * token. @throws UsageError when `token` is not a non-empty string.
 */
export function tokenMatcher(token: string): (given: string) => boolean {
  checkOption('tokenMatcher: the token', token, nonEmptyString)
  const expected = hash(token)
  return (given) => timingSafeEqual(hash(given), expected)
}

/**
 * Hash a token for `timingSafeEqual`, which requires arguments of the same length. A hash does not reveal the length of
 * the token.
 */
function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
