import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connect } from '../helpers/raw-client.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
})
afterAll(() => scripts.remove())

it('a token, valid or invalid, appears in no line of the log, however it was sent', async () => {
  const env = { PORT: '0', HOST: '127.0.0.1', NOTIFY_EVERY_MS: '0', LOG_LEVEL: 'trace', AUTH_SECRET }
  const app = new OwnProcess(`${scripts.folder}/app/main.js`, env)
  const base = await app.line(/http:\/\/127\.0\.0\.1:\d+/)
  const [good, bad] = [await tokenFor('u1'), await tokenFor('u1', { secret: 'x'.repeat(40) })]
  for (const token of [good, bad]) {
    const query = `vsn=2.0.0&token=${token}`
    for (const path of [
      '/socket/longpoll',
      '/socket/websocket',
      '/api/rooms',
      '/nowhere',
      '/api/rooms/%zz',
    ]) {
      await request(`${base}${path}?${query}`)
    }
    await request(`${base}/api/rooms`, { headers: { authorization: `Bearer ${token}` } })
    await upgrade(`${base}/socket/websocket?${query}`)
  }
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0&token=${good}`)
  client.send('["1","1","room:lobby","phx_join",{}]')
  for (let n = 0; n < 3; n++) await client.next()
  client.send(`["1","2","room:lobby","refresh_token",{"token":"${bad}"}]`)
  expect(await client.next()).toContain('unauthorized')
  await app.line(/channel joined/)
  app.child.kill('SIGTERM')
  await app.exited

  const log = app.lines.join('\n')
  expect(log).toContain('"url":"/api/rooms"')
  expect(log).toContain('"token":"[FILTERED]"')
  for (const token of [good, bad]) expect(log).not.toContain(token.split('.')[2])
})
