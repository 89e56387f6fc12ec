import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** The files of a page, and where they are served. */
export type StaticOptions = {
  /** The folder. Folders in it are not served. */
  readonly root: string
  /** The path of `index.html`; the other files are below it, and so are relative addresses in the page. */
  readonly path: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const INDEX = 'index.html'
/** Larger files are read for each request: no file of the pages of the chat is. */
const MAX_IN_MEMORY_BYTES = 4_194_304

/**
 * Serve the files of a folder. Small ones are read once, at the start: a request for one opens no file, and all
 * unsent responses share one buffer.
 */
export async function staticFiles(app: FastifyInstance, { root, path }: StaticOptions): Promise<void> {
  const folder = path === '/' ? path : `${path}/`
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    app.log.warn({ err: error }, 'page not served: its folder could not be read')
    return []
  })
  await app.register(fastifyStatic, { root, serve: false })
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const file = join(root, entry.name)
    const isSmall = (await stat(file)).size <= MAX_IN_MEMORY_BYTES
    const answer = isSmall ? responder(entry.name, await readFile(file)) : fromDisk(entry.name)
    // The addresses in a page are relative to its path: below a folder it would not find its files.
    if (entry.name !== INDEX || path === '/') app.get(folder + entry.name, answer)
    if (entry.name === INDEX) app.get(path, answer)
  }
}

function fromDisk(name: string) {
  return (_request: FastifyRequest, reply: FastifyReply) => reply.sendFile(name)
}

/** A handler that sends these bytes, or 304 to a client that has them. */
function responder(name: string, bytes: Buffer) {
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
