import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const INDEX = 'index.html'
const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

/** Options of a page. `root` is the folder of the page's files. */
export type PageOptions = {
  readonly root: string
  /**
   * Path of `index.html`, such as `/dashboard`. The path of another file is this path and the name of the file, such as
   * `/dashboard/main.js`.
   */
  readonly path: string
  /**
   * `token`: the page asks the user for a token. `request`: the page has no token, and the server authorizes its
   * requests in another way, for example by cookies.
   */
  readonly access: 'token' | 'request'
}

/**
 * Serve the files of a page. A Content-Security-Policy allows the page to load resources only from its own origin.
 * Files are read once, when the server starts. In development (`NODE_ENV=development`) they are read for each request,
 * so that a rebuilt page needs only a reload.
 */
export async function servePage(app: FastifyInstance, options: PageOptions): Promise<void> {
  const { root, path } = options
  const isDeveloped = process.env['NODE_ENV'] === 'development'
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { name } = entry
    const read = async () => pageFile(name, await readPageFile(name, options))
    const first = await read()
    const answer = async (request: FastifyRequest, reply: FastifyReply) =>
      send(request, reply, isDeveloped ? await read() : first)
    app.get(name === INDEX ? path : `${path}/${name}`, { logLevel: 'warn' }, answer)
  }
}

/**
 * Read a file of the page. In `index.html`, URLs such as `dashboard/main.js` are changed to match the path of the page.
 */
async function readPageFile(name: string, { root, path, access }: PageOptions): Promise<Buffer> {
  const bytes = await readFile(join(root, name))
  if (name !== INDEX) return bytes
  const page = String(bytes).replace('data-access="token"', `data-access="${access}"`)
  return Buffer.from(page.replaceAll('"dashboard/', `"${basename(path)}/`))
}

type PageFile = { readonly bytes: Buffer; readonly headers: { readonly etag: string } }

function pageFile(name: string, bytes: Buffer): PageFile {
  const headers = {
    etag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
    'cache-control': 'public, max-age=0',
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  }
  return { bytes, headers }
}

function send(request: FastifyRequest, reply: FastifyReply, { bytes, headers }: PageFile) {
  reply.headers(headers)
  const isKnown = request.headers['if-none-match']?.includes(headers.etag) === true
  return isKnown ? reply.code(304).send() : reply.send(bytes)
}
