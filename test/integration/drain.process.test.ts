import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connect } from '../helpers/raw-client.ts'

describe('the process of the app', () => {
  let scripts: Scripts
  beforeAll(async () => {
    scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
  })
  afterAll(() => scripts.remove())

  /** The app, and a client that has joined. */
  async function start() {
    const app = new OwnProcess(`${scripts.folder}/app/main.js`, { PORT: '0', HOST: '127.0.0.1' })
    const base = await app.line(/http:\/\/127\.0\.0\.1:\d+/)
    const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
    const client = await connect(url)
    client.send('["1","1","room:lobby","phx_join",{}]')
    await client.next()
    return { app, url, client }
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'exits with 0 on %s when its clients are closed',
    async (signal) => {
      const { app, client } = await start()
      app.child.kill(signal)
      expect(await client.closed).toBe(1012)
      expect(await app.exited).toEqual({ code: 0, signal: null })
    },
  )

  it('exits at once on a second signal', async () => {
    const { app, url, client } = await start()
    const silent = await connect(url)
    silent.ws.pause()
    app.child.kill('SIGTERM')
    expect(await client.closed).toBe(1012)
    app.child.kill('SIGTERM')
    expect(await app.exited).toEqual({ code: 1, signal: null })
  })
})
