import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callback, checkOption, nonEmptyString, rule } from '../../protocol/check.ts'
import { UsageError } from '../errors.ts'

/** Decides whether a request is the operator's. */
export type Authorize = (request: FastifyRequest) => boolean | Promise<boolean>

/** Access to routes for operators: one of the two. */
export type GuardOptions = {
  /** Bearer token, at least 16 characters. Default: none. */
  readonly token?: string
  /** Returns true for requests that are let in, instead of `token`. Default: none. */
  readonly authorize?: Authorize
}

/** The rules of {@link GuardOptions}. */
export const guardRules = {
  token: rule(
    'a string of at least 16 visible ASCII characters',
    (value) => typeof value === 'string' && /^[\x21-\x7e]{16,}$/.test(value),
  ),
  authorize: callback,
}

/** Makes the decision of a guard's options; null without both. @throws UsageError when both are given. */
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

/** A hook that answers 401 to requests that are not let in. */
export function guard(authorize: Authorize) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (await authorize(request)) return
    const hasToken = bearerToken(request) !== null
    reply.header('www-authenticate', hasToken ? 'Bearer error="invalid_token"' : 'Bearer')
    throw new RequestError(401, 'This route requires its token (`Authorization: Bearer …`).')
  }
}

/** Refuses a request with a status, in the form that the application gives to errors. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** The part of a request that carries a bearer token. */
export type Authorized = { readonly headers: { readonly authorization?: string | undefined } }

/** The bearer token of a request (RFC 6750); null without one. */
export function bearerToken({ headers }: Authorized): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
}

/** A comparison with a token that takes the same time for every text. @throws UsageError if `token` is not a text. */
export function tokenMatcher(token: string): (given: string) => boolean {
  checkOption('tokenMatcher', token, nonEmptyString)
  const expected = hash(token)
  return (given) => timingSafeEqual(hash(given), expected)
}

/** Hashes have equal lengths, as the comparison requires, and do not reveal that of the token. */
function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
