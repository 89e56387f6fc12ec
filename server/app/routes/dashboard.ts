import type { FastifyInstance } from 'fastify'
import { bearerToken as bearerOf, tokenMatcher as matcher } from '../../admin/index.ts'
import { HttpError } from '../errors.ts'
import { staticFiles } from '../static-files.ts'

/** What opens the dashboard, and where its page is. */
export type DashboardOptions = {
  readonly token: string
  /** Folder of the built page. */
  readonly root: string
}

/** The page of the dashboard, which anybody may load: it shows nothing before it has the token. */
export async function dashboardRoutes(
  app: FastifyInstance,
  { token, root }: DashboardOptions,
): Promise<void> {
  const isToken = matcher(token)
  await app.register(staticFiles, { root, path: '/dashboard' })

  // A browser does not tell a page why its socket was refused.
  app.get('/dashboard/token', { logLevel: 'warn' }, async (request, reply) => {
    const given = bearerOf(request)
    if (given !== null && isToken(given)) return reply.code(204).send()
    reply.header('www-authenticate', given === null ? 'Bearer' : 'Bearer error="invalid_token"')
    throw new HttpError(401, 'Invalid dashboard token.')
  })
}
