import type { FastifyReply, FastifyRequest } from 'fastify'
import { RequestError } from '../operator/guard.ts'
import { AddressRate } from '../transport/address-rate.ts'

/** Milliseconds between two removals of inactive addresses. */
const SWEEP_EVERY_MS = 60_000

/**
 * Create a hook that responds with 429 to an address with more than `perSecond` requests per second. A burst can have
 * up to twice that number.
 */
export function limitRequests(perSecond: number) {
  const rate = new AddressRate({ connectionRate: perSecond, connectionBurst: 2 * perSecond })
  let sweptAt = 0
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const now = performance.now()
    if (now - sweptAt > SWEEP_EVERY_MS) {
      rate.sweep(now)
      sweptAt = now
    }
    const waitMs = rate.take(request)
    if (waitMs === null) return
    reply.header('retry-after', Math.ceil(waitMs / 1_000))
    throw new RequestError(429, 'Too many requests from this address.')
  }
}
