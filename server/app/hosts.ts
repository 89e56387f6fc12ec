import type { FastifyReply, FastifyRequest } from 'fastify'
import { answerError, HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/** Probes and scrapes name hosts by their addresses. */
const ANY_HOST = new Set(['/healthz', '/readyz', '/metrics'])
const LOOPBACK = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** A host and its port; the host of IPv6 is in brackets. */
const HOST = /^(\[[^\]]*\]|[^:]*?)\.?(?::\d*)?$/

/**
 * A hook that refuses requests for other hosts than the allowed ones with 421; null if any is allowed.
 *
 * A page can have its own host name resolve to this server (DNS rebinding). For the browser both are one
 * origin then, so neither the origin check nor CORS applies; only the Host header shows the page's name.
 */
export function guardHosts(settings: Settings) {
  const isAllowed = hostCheck(settings)
  if (isAllowed === null) return null
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    // The header itself: `request.host` may be X-Forwarded-Host, which a page can set.
    const { host, ':authority': authority = host } = request.headers
    if (ANY_HOST.has(request.routeOptions.url ?? '') || isAllowed(String(authority ?? ''))) return done()
    const refusal = new HttpError(421, `Unknown host "${authority ?? ''}": it is not in ALLOWED_HOSTS.`)
    // Not by `done`: the routes of sockets answer errors in their own way.
    answerError(refusal, request, reply)
  }
}

function hostCheck({ allowedHosts, authSecret, devLogin, host, trustProxy }: Settings) {
  if (allowedHosts.includes('*')) return null
  if (allowedHosts.length > 0) {
    const allowed = new Set(allowedHosts)
    return (given: string) => allowed.has(nameOf(given))
  }
  // A sign-in that asks for nothing opens the chat to whoever reaches it.
  const isOpen = (authSecret === null || devLogin) && trustProxy.length === 0
  if (!isOpen || !isLoopback(host)) return null
  return (given: string) => LOOPBACK.test(nameOf(given))
}

/** Whether only this machine reaches a server that listens on this address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host === '::1' ? '[::1]' : host)
}

function nameOf(host: string): string {
  return (HOST.exec(host)?.[1] ?? '').toLowerCase()
}
