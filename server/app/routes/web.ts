import helmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { answerNotFound } from '../errors.ts'
import { securityHeaders } from '../security.ts'
import { type ApiOptions, apiRoutes } from './api.ts'
import { docsRoutes } from './docs.ts'

/** What is served, and to whom. */
export type WebOptions = ApiOptions & {
  /** Folder of the built page; default: none is served. */
  readonly pageRoot?: string
}

/** All that browsers may show or read, with the headers that say so: the page, the HTTP API, its reference. */
export async function webRoutes(web: FastifyInstance, options: WebOptions): Promise<void> {
  await web.register(helmet, securityHeaders)
  web.setNotFoundHandler(answerNotFound)
  await web.register(apiRoutes, { ...options, prefix: '/api' })
  await web.register(docsRoutes)
  if (options.pageRoot !== undefined) await web.register(fastifyStatic, { root: options.pageRoot })
}
