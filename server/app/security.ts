import type { FastifyHelmetOptions } from '@fastify/helmet'

const self = ["'self'"]
const none = ["'none'"]

/** The headers that tell a browser what our pages may do: load what is ours, and nothing else. */
export const securityHeaders: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: none,
      scriptSrc: self,
      styleSrc: self,
      connectSrc: self,
      imgSrc: self,
      baseUri: none,
      formAction: none,
      frameAncestors: none,
    },
  },
  // Whether other hosts of the domain speak TLS, only its owner knows.
  strictTransportSecurity: { includeSubDomains: false },
}
