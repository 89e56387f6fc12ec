import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../../server/app/app.ts'
import { responses } from '../helpers/raw-http.ts'

/** The chat and the lines of its log, after a connection has sent these bytes and received this number of responses. */
async function serve(bytes: string, count: number) {
  const lines: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
  onTestFinished(() => void vi.restoreAllMocks())
  const { app } = await buildApp({ notifyEveryMs: 0, logLevel: 'info', rateLimit: 10 })
  onTestFinished(() => app.close())
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const tcp = connect(Number(port), '127.0.0.1')
  onTestFinished(() => void tcp.destroy())
  tcp.write(bytes)
  await responses(tcp, count)
  return { app, lines }
}

test.each([
  ['too many requests', 'GET /api/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['hosts that are not served', 'GET /api/rooms HTTP/1.1\r\nHost: evil\r\n\r\n'],
  ['long paths of nothing', `GET /${'x'.repeat(5_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
])(
  'refused requests are logged at most once a second for each status, in short lines: %s',
  async (_what, request) => {
    const { app, lines } = await serve(request.repeat(80), 80)
    await app.close()
    const refused = lines.filter((line) => line.includes('request refused'))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(10)
    for (const line of refused) expect(line.length).toBeLessThan(1_000)
  },
)
