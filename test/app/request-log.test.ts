import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../../server/app/app.ts'
import { until } from '../helpers/until.ts'

/** The chat, the lines of its log, and a connection that has sent these bytes. */
async function serve(bytes: string) {
  const lines: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
  onTestFinished(() => void vi.restoreAllMocks())
  const { app } = await buildApp({ notifyEveryMs: 0, logLevel: 'info', rateLimit: 10 })
  onTestFinished(() => app.close())
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const tcp = connect(Number(port), '127.0.0.1')
  onTestFinished(() => void tcp.destroy())
  let answers = 0
  tcp.on('data', (data) => {
    answers += String(data).match(/HTTP\/1\.1 \d/g)?.length ?? 0
  })
  tcp.write(bytes)
  await once(tcp, 'data')
  return { app, lines, answered: (count: number) => until(() => answers >= count) }
}

test.each([
  ['too many requests', 'GET /api/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['hosts that are not served', 'GET /api/rooms HTTP/1.1\r\nHost: evil\r\n\r\n'],
  ['long paths of nothing', `GET /${'x'.repeat(5_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
])(
  'refused requests are logged at most once a second for each status, in short lines: %s',
  async (_what, request) => {
    const { app, lines, answered } = await serve(request.repeat(80))
    await answered(80)
    await app.close()
    const refused = lines.filter((line) => line.includes('request refused'))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(10)
    for (const line of refused) expect(line.length).toBeLessThan(1_000)
  },
)
