import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connect } from '../helpers/raw-client.ts'
import { request } from '../helpers/raw-http.ts'
import { bearer } from '../helpers/tokens.ts'

describe('the process of the app', () => {
  let scripts: Scripts
  beforeAll(async () => {
    scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
  })
  afterAll(() => scripts.remove())

  test('is unready for SHUTDOWN_DELAY_MS while it still serves, and then ends', async () => {
    const env = { PORT: '0', HOST: '127.0.0.1', SHUTDOWN_DELAY_MS: '1000', NOTIFY_EVERY_MS: '0' }
    const app = new OwnProcess(`${scripts.folder}/app/main.js`, env)
    const base = await app.line(/http:\/\/127\.0\.0\.1:\d+/)
    expect(await request(`${base}/readyz`)).toMatchObject({ status: 200 })

    const before = performance.now()
    app.child.kill('SIGTERM')

    await expect.poll(async () => (await request(`${base}/readyz`)).body).toContain('"reasons":["leaving"]')
    const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
    expect(await request(`${base}/api/rooms`, { headers: bearer() })).toMatchObject({ status: 200 })
    expect(await client.closed).toBe(1012)
    expect(performance.now() - before).toBeGreaterThan(990)
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })
})
