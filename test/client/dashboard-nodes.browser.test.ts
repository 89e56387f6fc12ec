import { expect, test } from 'vitest'
import { defineWorker } from '../../server/index.ts'
import { useDashboard } from '../helpers/dashboard-page.ts'
import { connect } from '../helpers/raw-client.ts'
import { startRedis } from '../helpers/redis.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

const { serve, serveApart, open } = useDashboard()

test('the dashboard of one node shows and controls the other node', async () => {
  const { url: redisUrl } = await startRedis()
  const options = { redisUrl, secret: 'x'.repeat(40), authSecret: AUTH_SECRET }
  const [here, there] = [await serve(options), await serve(options)]
  const starts: string[] = []
  const worker = defineWorker({ name: 'there_only', init: () => void starts.push('start') })
  await there.supervisor.startChild({ worker, context: undefined })
  const token = await tokenFor('u1', { name: 'Ann' })
  const client = await connect(`${there.url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0&token=${token}`)
  client.send('["1","1","room:den","phx_join",{}]')
  const { page, figure, row, complaints } = await open(here.url)
  await figure(/^Connections: WebSocket 0,/).waitFor()

  const choice = page.getByLabel('Show')
  await choice.getByRole('option', { name: 'All nodes (2)' }).waitFor({ state: 'attached' })
  await choice.selectOption('all')
  await figure(/^Connections: WebSocket 1,/).waitFor()
  await row('room:den').getByText('Ann').waitFor()
  await choice.selectOption(there.app.endpoint.nodeId)
  await page.getByText(there.app.endpoint.nodeId).waitFor()

  await row('there_only')
    .getByRole('button', { name: /^Restart/ })
    .click()
  await page.getByText('Restart there_only: done.').waitFor()
  expect(starts).toHaveLength(2)

  await page.getByLabel('Socket id').fill('users_socket:u1')
  await page.getByRole('button', { name: 'Disconnect' }).click()
  expect(await client.closed).toBe(1001)
  expect(complaints).toEqual([])
})

test('the dashboard works on a second server at another port, for the given endpoint', async () => {
  const { app, url } = await serve()
  const { page, figure, row, complaints } = await open(await serveApart(app.endpoint))
  const client = await connect(`${url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  await figure(/^Connections: WebSocket 1,/).waitFor()
  await page.getByText(app.endpoint.nodeId).waitFor()

  client.send('["1","1","room:den","phx_join",{"name":"Ann","client":"c1"}]')
  await row('room:den').getByText('Ann').waitFor()
  await page.getByLabel('named').fill('room:den')
  await page.getByRole('button', { name: 'Start' }).click()
  const logged = () => {
    client.send('["1","2","room:den","nothing",{}]')
    return page.getByLabel('Frames').inputValue()
  }
  await expect.poll(logged).toContain('phx_reply {"response":{"reason":"unmatched event"}')
  expect(complaints).toEqual([])
})
