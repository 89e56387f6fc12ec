import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

// Problem: before Fastify handles a request, `UpgradeGate` and `guardRequests` must find out whether the request is for
// a mount (socket path). A matcher of our own would have to repeat everything that affects routing: the router's
// options, percent-encoding, absolute-form targets, `rewriteUrl`.
//
// Approach: ask Fastify's own router with `findRoute`, which runs no hook or handler. The GET route of each mount has a
// route constraint of this package. If `findRoute` reaches such a route, the storage of the constraint (`MarkedRoute`)
// writes the route's path into the `RouteQuestion`, the constraint value that is passed to `findRoute`.
//
// `findRoute` does not apply the application's `rewriteUrl`. So before `findRoute`, `#rewrite` calls `fastify.routing`.
// `fastify.routing` applies `rewriteUrl` and calls our `deriveConstraint`. `deriveConstraint` stores the rewritten URL,
// and throws so that no handler runs. Throwing is slow. If the first request shows that the application has no
// `rewriteUrl`, later requests skip `#rewrite`.

const CONSTRAINT = 'phoenix'
// All copies of this package share this symbol. If two copies serve one server, `deriveConstraint` of the first copy
// must find the `RouteQuestion` that the second copy attaches to a request.
const QUESTION = Symbol.for('phoenix.question')

/** Maximum number of cached matches. For a cached match, `find` does not ask Fastify's router. */
const MAX_KNOWN = 100

/** Router's answer for a URL. */
export type RouteMatch = {
  /** Path that was passed to `mark` for the route; null if the route does not belong to a mount. */
  readonly path: string | null
  /**
   * Whether the URL cannot be routed: the URL is malformed, or a route variable is too long. In an application with
   * `rewriteUrl`, also true if `rewriteUrl` or a constraint of the application throws.
   */
  readonly isRefused: boolean
}
type RouteQuestion = { url: string; path: string | null }
type ConstraintStrategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]
type Handlers = ReturnType<ReturnType<ConstraintStrategy['storage']>['get']>
type RoutedRequest = IncomingMessage & {
  [QUESTION]?: RouteQuestion | undefined
  originalUrl?: string | undefined
}

/** Asks Fastify's router whether a request is for a mount, and for which mount. */
export class RouteFinder {
  readonly #fastify: FastifyInstance
  #hasRoutes: boolean
  /** Whether the application has a `rewriteUrl`; null before the first request. */
  #isRewriting: boolean | null
  /**
   * Cached matches, by the request's path; only matches that belong to a mount. Empty if the application has a
   * `rewriteUrl`, because the result of `rewriteUrl` may depend on more than the path.
   */
  readonly #known: Map<string, RouteMatch>

  constructor(fastify: FastifyInstance) {
    this.#fastify = fastify
    this.#hasRoutes = false
    this.#isRewriting = null
    this.#known = new Map()
    if (!fastify.hasConstraintStrategy(CONSTRAINT)) fastify.addConstraintStrategy(strategy)
  }

  /** Return the route options that make a GET route findable. `path` must include the prefix of the route's scope. */
  mark(path: string): { readonly constraints: { readonly [CONSTRAINT]: string } } {
    this.#hasRoutes = true
    return { constraints: { [CONSTRAINT]: path } }
  }

  /** Find a request's route. If a mount owns the route, remove empty segments from `request.url` (HANDSHAKE-5). */
  find(request: RoutedRequest): RouteMatch {
    const { url = '/' } = request
    const path = pathOf(url)
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const clean = withoutEmptySegments(url)
    if (clean === url) return this.#remember(path, this.#ask(request, url))
    const match = this.#ask(request, clean)
    const found = match.path === null ? this.#ask(request, url) : match
    if (found.path === null) return found
    request.originalUrl ??= url
    request.url = clean
    return found
  }

  #remember(path: string, match: RouteMatch): RouteMatch {
    if (match.path === null || this.#isRewriting !== false || this.#known.size >= MAX_KNOWN) return match
    this.#known.set(path, match)
    return match
  }

  #ask(request: RoutedRequest, url: string): RouteMatch {
    if (!this.#hasRoutes) return { path: null, isRefused: false }
    const seen = this.#isRewriting === false ? url : this.#rewrite(request, url)
    if (seen === null) return { path: null, isRefused: true }
    const question: RouteQuestion = { url: seen, path: null }
    const constraints = { [CONSTRAINT]: question }
    const route = this.#fastify.findRoute({ method: 'GET', url: seen, constraints })
    // A matching route has `searchParams`. For a URL that the router refuses, `findRoute` returns no `searchParams`.
    return { path: question.path, isRefused: route !== null && route.searchParams === undefined }
  }

  /**
   * URL that the router sees. Returns null if the application has a `rewriteUrl`, and `rewriteUrl` or a constraint of
   * the application throws.
   */
  #rewrite(request: RoutedRequest, url: string): string | null {
    const { url: own, originalUrl } = request
    const question: RouteQuestion = { url, path: null }
    request.url = url
    request.originalUrl = undefined
    request[QUESTION] = question
    try {
      // The cast is safe: `request` has a `QUESTION`, so `deriveConstraint` throws before `routing` uses the response.
      this.#fastify.routing(request, undefined as never)
    } catch (thrown) {
      // If `thrown` is not `question`, the `rewriteUrl` or a route constraint of the application threw this error.
      // Fastify will throw the error again when it routes the request. Fastify sets `originalUrl` only if there is a
      // `rewriteUrl`. Without a `rewriteUrl`, the error can be ignored here, because the router sees the URL unchanged.
      if (thrown !== question && request.originalUrl !== undefined) return null
    } finally {
      this.#isRewriting = request.originalUrl !== undefined
      // Restore the properties of the request. Routing `Object.create(request)` would not change the request, but V8
      // slows down an object that has been a prototype.
      request.url = own ?? url
      request.originalUrl = originalUrl
      request[QUESTION] = undefined
    }
    return question.url
  }
}

const strategy: ConstraintStrategy = {
  name: CONSTRAINT,
  storage: () => new MarkedRoute(),
  validate: () => undefined,
  deriveConstraint(request: RoutedRequest) {
    const question = request[QUESTION]
    if (question === undefined) return true
    question.url = request.url ?? '/'
    throw question
  },
}

/** Storage in which Fastify's router keeps the GET route of a mount (see the top of this file). */
class MarkedRoute {
  #path: string | null
  #handlers: Handlers

  constructor() {
    this.#path = null
    this.#handlers = null
  }

  get(value: true | string | RouteQuestion): Handlers {
    if (typeof value === 'object') value.path = this.#path
    return this.#handlers
  }

  set(path: string, handlers: Handlers): void {
    this.#path = path
    this.#handlers = handlers
  }
}

/** URL without its query and fragment. The query can contain a client's token. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  const hash = url.indexOf('#')
  if (query === -1 && hash === -1) return url
  return url.slice(0, query === -1 || (hash !== -1 && hash < query) ? hash : query)
}

/**
 * URL without the empty segments of its path. A client with `new Socket('/socket/')` requests `/socket//websocket`.
 * Phoenix accepts this URL, too.
 */
export function withoutEmptySegments(url: string): string {
  const path = pathOf(url)
  if (!path.endsWith('/') && !path.includes('//')) return url
  const [, origin = '', rest = ''] = /^([a-z]+:\/\/[^/]*)?(.*)$/is.exec(path) ?? []
  const segments = rest.split('/').filter((segment) => segment !== '')
  return `${origin}/${segments.join('/')}${url.slice(path.length)}`
}
