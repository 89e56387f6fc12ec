import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../../helpers/own-process.ts'
import { connect } from '../../helpers/raw-client.ts'
import { withToken } from '../../helpers/tokens.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    'app/main': 'server/app/main.ts',
    primary: 'test/server/cluster/foreign-primary.ts',
    'client/none': 'protocol/topic.ts',
    'dashboard/none': 'protocol/topic.ts',
  })
})
afterAll(() => scripts.remove())

/** The app under a primary that is not its own, and where it listens. */
async function start(env: Record<string, string> = {}) {
  const APP = `${scripts.folder}/app/main.js`
  const own = { APP, PORT: '0', HOST: '127.0.0.1', NOTIFY_EVERY_MS: '0' }
  const primary = new OwnProcess(`${scripts.folder}/primary.js`, { ...own, ...env })
  return { primary, base: await primary.line(/http:\/\/127\.0\.0\.1:\d+/) }
}

test.each(['SIGINT', 'SIGTERM'])(
  'under a foreign primary the app drains and exits on %s (DRAIN-1)',
  async (signal) => {
    const { primary, base } = await start()
    const client = await connect(withToken(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`))
    const ended = once(primary.child, 'message')
    primary.child.send(signal)
    expect(await client.closed).toBe(1012)
    expect(await ended).toEqual([{ code: 0, signal: null }, undefined])
  },
)

test('under a foreign primary the app serves only its own metrics, and starts no worker processes', async () => {
  const { base } = await start({
    WORKERS: '2',
    REDIS_URL: 'redis://127.0.0.1:1',
    SECRET_KEY_BASE: 'x'.repeat(40),
  })
  const response = await fetch(`${base}/metrics`)
  expect(await response.text()).toContain('phoenix_connections')
})
