import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/**
 * Serve the files of the folder `root`, without those of its subfolders. They are read once, at the start: a request
 * opens no file, and all unsent responses share one buffer. In development (`NODE_ENV=development`) files are read for
 * each request, so that a rebuilt page needs only a reload.
 */
export async function staticFiles(app: FastifyInstance, { root }: { readonly root: string }): Promise<void> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    app.log.warn({ err: error }, 'page not served: cannot read its folder')
    return []
  })
  const isDeveloped = process.env['NODE_ENV'] === 'development'
  for (const { name } of entries.filter((entry) => entry.isFile())) {
    const type = TYPES[extname(name)] ?? 'application/octet-stream'
    const load = async () => {
      const bytes = await readFile(join(root, name))
      return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` }
    }
    const kept = isDeveloped ? null : await load()
    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      const { bytes, etag } = kept ?? (await load())
      reply.headers({ etag, 'cache-control': 'public, max-age=0', 'content-type': type })
      return request.headers['if-none-match']?.includes(etag) === true ? reply.code(304).send() : bytes
    }
    app.get(`/${name}`, answer)
    if (name === 'index.html') app.get('/', answer)
  }
}
