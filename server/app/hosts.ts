import type { FastifyReply, FastifyRequest } from 'fastify'
import { answerError, HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/** Paths that accept every Host header, because probes and scrapes use IP addresses as hosts. */
const ANY_HOST = new Set(['/healthz', '/readyz', '/metrics'])
const LOOPBACK = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** Host with an optional port. An IPv6 address is in brackets. */
const HOST = /^(\[[^\]]*\]|[^:]*?)\.?(?::\d*)?$/

/**
 * Create a hook that responds with 421 to requests whose host is not allowed. Returns null if every host is allowed.
 *
 * A malicious page can let its own host name resolve to this server (DNS rebinding). Then page and server have the same
 * origin for the browser, so neither the origin check nor CORS applies. Only the Host header shows the host name of the
 * malicious page.
 */
export function guardHosts(settings: Settings) {
  const isAllowed = hostCheck(settings)
  if (isAllowed === null) return null
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    // Use the header itself, because `request.host` may come from X-Forwarded-Host, which a page can set.
    const { host, ':authority': authority = host } = request.headers
    const given = String(authority ?? '')
    if (ANY_HOST.has(request.routeOptions.url ?? '') || isAllowed(given)) return done()
    const detail = `Unknown host "${given}". To allow this host, add its name without the port to ALLOWED_HOSTS.`
    const refusal = new HttpError(421, detail)
    // Do not pass the error to `done`, because the routes of sockets respond to errors in their own way.
    answerError(refusal, request, reply)
  }
}

function hostCheck({ allowedHosts, authSecret, devLogin, host, trustProxy }: Settings) {
  if (allowedHosts.includes('*')) return null
  if (allowedHosts.length > 0) {
    const allowed = new Set(allowedHosts)
    return (given: string) => allowed.has(nameOf(given))
  }
  // If ALLOWED_HOSTS is unset, a development server allows only loopback names, and other servers allow every host. A
  // server counts as a development server if it listens on a loopback address, has no proxy, and lets any user in
  // (AUTH_SECRET is unset or DEV_LOGIN is on).
  const isOpen = (authSecret === null || devLogin) && trustProxy.length === 0
  if (!isOpen || !isLoopback(host)) return null
  return (given: string) => LOOPBACK.test(nameOf(given))
}

/** Returns true if only this machine can reach a server that listens on this address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host === '::1' ? '[::1]' : host)
}

function nameOf(host: string): string {
  return (HOST.exec(host)?.[1] ?? '').toLowerCase()
}
