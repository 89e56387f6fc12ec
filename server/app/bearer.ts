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
  const expected = hash(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!isWrite(request.method)) return
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (given !== undefined && timingSafeEqual(hash(given), expected)) return
    reply.header('www-authenticate', given === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
    throw new HttpError(401, 'What writes needs the API token, as Authorization: Bearer.')
  }
}

/** Hashes have one length, as the comparison demands, and tell nothing of the token's. */
function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
