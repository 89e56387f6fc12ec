import { createServer } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { checkToken } from '../../../client/dashboard/access.ts'

/** Have the page's requests reach a server that answers so, or none. */
async function serve(status: number | null) {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.writeHead(status ?? 500).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  onTestFinished(() => void server.close())
  if (status === null) server.close()
  const original = globalThis.fetch
  vi.stubGlobal('fetch', (path: string, init: RequestInit) =>
    original(new URL(path, `http://127.0.0.1:${port}`), init),
  )
  onTestFinished(() => void vi.unstubAllGlobals())
  return asked
}

test.each([
  [204, 'taken'],
  [401, 'refused'],
  [404, 'refused'],
  [503, 'silent'],
  [null, 'silent'],
])('the result if a server answers %s: %s', async (status, verdict) => {
  await serve(status)
  expect(await checkToken('a-token', '/dashboard')).toBe(verdict)
})

test('the token is sent in a header', async () => {
  const asked = await serve(204)
  await checkToken('a-token', '/dashboard')
  expect(asked).toEqual(['Bearer a-token'])
})

test.each(['schön-und-lang-genug', 'with a space in it'])(
  '%j is not a token, and is not sent',
  async (token) => {
    const asked = await serve(204)
    expect(await checkToken(token, '/dashboard')).toBe('refused')
    expect(asked).toEqual([])
  },
)
