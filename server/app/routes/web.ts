import helmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { answerNotFound } from '../errors.ts'
import { securityHeaders } from '../security.ts'
import { type ApiOptions, apiRoutes } from './api.ts'
import { dashboardRoutes } from './dashboard.ts'
import { docsRoutes } from './docs.ts'

/** What is served, and to whom. */
export type WebOptions = ApiOptions & {
  readonly dashboardToken: string | null
  /** Folder of the built page; default: none is served. */
  readonly pageRoot?: string
  /** Folder of the dashboard's; default: none is served. */
  readonly dashboardRoot?: string
}

/** All that browsers may show or read, with the headers that say so: the page, the HTTP API, its reference. */
export async function webRoutes(web: FastifyInstance, options: WebOptions): Promise<void> {
  const { pageRoot, dashboardRoot, dashboardToken } = options
  await web.register(helmet, securityHeaders)
  web.setNotFoundHandler(answerNotFound)
  await web.register(apiRoutes, { ...options, prefix: '/api' })
  await web.register(docsRoutes)
  if (dashboardToken !== null && dashboardRoot !== undefined) {
    await web.register(dashboardRoutes, { token: dashboardToken, root: dashboardRoot })
  }
  if (pageRoot !== undefined) await web.register(fastifyStatic, { root: pageRoot })
}
