import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from './errors.ts'

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** True if a request with this method may change something. */
export function isWrite(method: string): boolean {
  return !SAFE_METHODS.includes(method)
}

/** A hook that lets requests write only with this token: `Authorization: Bearer …` (RFC 6750). */
export function guardWrites(token: string) {
  const isToken = matcher(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!isWrite(request.method)) return
    const given = bearerOf(request)
    if (given !== null && isToken(given)) return
    reply.header('www-authenticate', given === null ? 'Bearer' : 'Bearer error="invalid_token"')
    throw new HttpError(401, 'Write requests require the API token (`Authorization: Bearer …`).')
  }
}

/** The token of a request; null if it shows none. */
export function bearerOf({ headers }: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
}

/** Tells whether a text is this token, in a time that says nothing of it. */
export function matcher(token: string): (given: string) => boolean {
  const expected = hash(token)
  return (given) => timingSafeEqual(hash(given), expected)
}

/** Hashes have one length, as the comparison demands, and tell nothing of the token's. */
function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
