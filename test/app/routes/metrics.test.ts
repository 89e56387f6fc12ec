import { expect, test } from 'vitest'
import { openApp } from '../../helpers/open-app.ts'
import { connect } from '../../helpers/raw-client.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'

test('serves the metrics of the rooms and the process in the format of Prometheus', async () => {
  const { app } = await openApp()
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  client.send('["1","1","room:lobby","phx_join",{}]', '["1","2","room:lobby","new_msg",{"body":"hi"}]')
  for (let n = 0; n < 2; n++) await client.next()
  const response = await app.inject('/metrics')
  expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  const figures = readMetrics(response.body)
  expect(figures).toMatchObject({
    'phoenix_connections{transport="websocket"}': 1,
    'phoenix_joins_total{pattern="room:*"}': 1,
    'phoenix_handler_duration_seconds_count{pattern="room:*",event="new_msg"}': 1,
    phoenix_engine_up: 1,
  })
  expect(figures['process_cpu_seconds_total']).toBeGreaterThan(0)
})

test('needs no token, like other read requests, and is answered while draining', async () => {
  const { app } = await openApp({ apiToken: 'a-token-of-the-operator' })
  expect((await app.inject('/metrics')).statusCode).toBe(200)
  await app.endpoint.drain()
  expect((await app.inject('/metrics')).statusCode).toBe(200)
})

test('does not exist if it is turned off', async () => {
  const { app } = await openApp({ metrics: false })
  expect((await app.inject('/metrics')).statusCode).toBe(404)
})
