import type { FastifyReply, FastifyRequest } from 'fastify'
import { bearerToken, tokenMatcher } from '../admin/index.ts'
import { HttpError } from './errors.ts'

/** HTTP methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** Returns true if a request with this method may change something. */
export function isWrite(method: string): boolean {
  return !SAFE_METHODS.includes(method)
}

/** Create a hook that allows write requests only with this token: `Authorization: Bearer …` (RFC 6750). */
export function guardWrites(token: string) {
  const isToken = tokenMatcher(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!isWrite(request.method)) return
    const given = bearerToken(request)
    if (given !== null && isToken(given)) return
    reply.header('www-authenticate', given === null ? 'Bearer' : 'Bearer error="invalid_token"')
    throw new HttpError(401, 'Write requests require the API token (`Authorization: Bearer …`).')
  }
}
