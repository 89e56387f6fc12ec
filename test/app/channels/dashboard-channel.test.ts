import { expect, test } from 'vitest'
import { watched } from '../../helpers/watched.ts'

test('a join is answered with which process it is', async () => {
  const { endpoint, watch } = watched()
  const { answer } = await watch()
  const [, , topic, event, { status, response }] = JSON.parse(answer)
  expect([topic, event, status]).toEqual(['dashboard', 'phx_reply', 'ok'])
  expect(response).toEqual({
    id: endpoint.nodeId,
    host: expect.any(String),
    pid: process.pid,
    version: process.version,
    startedAt: expect.any(Number),
  })
})
