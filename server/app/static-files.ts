import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const INDEX = 'index.html'
/** Maximum size, in bytes, of a file that is kept in memory. Larger files are read at each request. */
const MAX_IN_MEMORY_BYTES = 4_194_304

/**
 * Serve the files of the folder `root`, but not of its subfolders. Small files are read into memory when the server
 * starts. In development (`NODE_ENV=development`) each request reads the file, so that a rebuilt page needs only a
 * reload.
 */
export async function staticFiles(app: FastifyInstance, { root }: { readonly root: string }): Promise<void> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    app.log.warn({ err: error }, 'page not served: cannot read its folder')
    return []
  })
  await app.register(fastifyStatic, { root, serve: false })
  const isDeveloped = process.env['NODE_ENV'] === 'development'
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const file = join(root, entry.name)
    const isKept = !isDeveloped && (await stat(file)).size <= MAX_IN_MEMORY_BYTES
    const answer = isKept ? fromMemory(entry.name, await readFile(file)) : fromDisk(entry.name)
    app.get(`/${entry.name}`, answer)
    if (entry.name === INDEX) app.get('/', answer)
  }
}

function fromDisk(name: string) {
  return (_request: FastifyRequest, reply: FastifyReply) => reply.sendFile(name)
}

/** Create a handler that sends these bytes, or 304 to a client that has them already. */
function fromMemory(name: string, bytes: Buffer) {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  const headers = {
    etag,
    'cache-control': 'public, max-age=0',
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
  }
  return (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(headers)
    const isKnown = request.headers['if-none-match']?.includes(etag) === true
    return isKnown ? reply.code(304).send() : reply.send(bytes)
  }
}
