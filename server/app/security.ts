import type { FastifyHelmetOptions } from '@fastify/helmet'

const self = ["'self'"]
const none = ["'none'"]

/** Options of the security headers. They allow our pages to load only resources of this server. */
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
  // Do not include subdomains, because other hosts of the domain may not support TLS.
  strictTransportSecurity: { includeSubDomains: false },
}
