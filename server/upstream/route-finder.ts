import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

// The gates must know before Fastify handles a request whether it is for a mount. A matcher of their own would
// have to repeat whatever changes a route's address: the router's options, percent-encoding, absolute-form
// targets, `rewriteUrl`. So the router itself is asked, which runs no hook and no handler: the GET routes of
// mounts carry a constraint whose value is their path, and `findRoute` looks the address up with a `Question` as
// the value of the constraint. The store of each marked route that the router reaches writes its path into it.
// Only `routing` applies `rewriteUrl`, and leaves an `originalUrl` on the request. The first request is therefore
// routed with a question: deriving the constraint keeps the address that the router sees, and throws. Without
// a `rewriteUrl`, no further request is routed so: the throw alone costs as much as the rest of a handshake's checks.

const NAME = 'phoenix'
// Two copies of this package may serve one server, whose router has the strategy of the first.
const QUESTION = Symbol.for('phoenix.question')

/** The router's answer to an address. */
export type RouteMatch = {
  /** The path with which the route was marked; null if it is not a mount's. */
  readonly path: string | null
  /** True if the router itself refuses the address: it is malformed, or a variable is too long. */
  readonly isRefused: boolean
}
type Question = { url: string; path: string | null }
type Strategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]
type Handlers = ReturnType<ReturnType<Strategy['storage']>['get']>
type Asked = IncomingMessage & { [QUESTION]?: Question | undefined; originalUrl?: string | undefined }

/** Finds the routes of mounts by Fastify's own router. */
export class RouteFinder {
  readonly #fastify: FastifyInstance
  #hasRoutes: boolean
  /** Whether the application has a `rewriteUrl`; null before the first request. */
  #isRewriting: boolean | null

  constructor(fastify: FastifyInstance) {
    this.#fastify = fastify
    this.#hasRoutes = false
    this.#isRewriting = null
    if (!fastify.hasConstraintStrategy(NAME)) fastify.addConstraintStrategy(strategy)
  }

  /** The options with which a GET route is found; the path includes the prefix of the route's scope. */
  mark(path: string): { readonly constraints: { readonly [NAME]: string } } {
    this.#hasRoutes = true
    return { constraints: { [NAME]: path } }
  }

  /** Find the route of a request. In the address of a mount, it loses its empty segments (HANDSHAKE-5). */
  find(request: Asked): RouteMatch {
    const { url = '/' } = request
    const clean = withoutEmptySegments(url)
    if (clean === url) return this.#ask(request, url)
    const match = this.#ask(request, clean)
    const found = match.path === null ? this.#ask(request, url) : match
    if (found.path === null) return found
    request.originalUrl ??= url
    request.url = clean
    return found
  }

  #ask(request: Asked, url: string): RouteMatch {
    if (!this.#hasRoutes) return { path: null, isRefused: false }
    const seen = this.#isRewriting === false ? url : this.#rewrite(request, url)
    if (seen === null) return { path: null, isRefused: true }
    const question: Question = { url: seen, path: null }
    const constraints = { [NAME]: question }
    const route = this.#fastify.findRoute({ method: 'GET', url: seen, constraints })
    // The router answers for itself with a handler that has no query; routes always have one.
    return { path: question.path, isRefused: route !== null && route.searchParams === undefined }
  }

  /** The address that the router sees; null if the application's `rewriteUrl` or a constraint of its own throws. */
  #rewrite(request: Asked, url: string): string | null {
    const { url: own, originalUrl } = request
    const question: Question = { url, path: null }
    request.url = url
    request.originalUrl = undefined
    request[QUESTION] = question
    try {
      // Never needs a response: deriving the constraint throws the question.
      this.#fastify.routing(request, undefined as never)
    } catch (thrown) {
      // `rewriteUrl`, or a constraint of the application behind it, will throw again when the request is routed.
      if (thrown !== question && request.originalUrl !== undefined) return null
    } finally {
      this.#isRewriting = request.originalUrl !== undefined
      request.url = own ?? url
      request.originalUrl = originalUrl
      // A derived object would keep the request as it is, but as a prototype each request is slow for good.
      request[QUESTION] = undefined
    }
    return question.url
  }
}

const strategy: Strategy = {
  name: NAME,
  storage: () => new MarkedRoute(),
  validate: () => undefined,
  deriveConstraint(request: Asked) {
    const question = request[QUESTION]
    if (question === undefined) return true
    question.url = request.url ?? '/'
    throw question
  },
}

/** The store of a marked route: it takes every request, and answers questions. */
class MarkedRoute {
  #path: string | null
  #handlers: Handlers

  constructor() {
    this.#path = null
    this.#handlers = null
  }

  get(asker: true | string | Question): Handlers {
    if (typeof asker === 'object') asker.path = this.#path
    return this.#handlers
  }

  set(path: string, handlers: Handlers): void {
    this.#path = path
    this.#handlers = handlers
  }
}

/** An address without its query, in which clients send tokens. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}

/**
 * An address without the empty segments of its path, as Phoenix reads it: the client of `new Socket('/socket/')`
 * asks for `/socket//websocket`.
 */
export function withoutEmptySegments(url: string): string {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  if (!path.endsWith('/') && !path.includes('//')) return url
  const [, origin = '', rest = ''] = /^([a-z]+:\/\/[^/]*)?(.*)$/is.exec(path) ?? []
  const segments = rest.split('/').filter((segment) => segment !== '')
  return `${origin}/${segments.join('/')}${end === -1 ? '' : url.slice(end)}`
}
