import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { socketsRoutes } from '../../../server/app/routes/sockets.ts'
import { defineSocket, phoenix } from '../../../server/index.ts'
import { openApp } from '../../helpers/open-app.ts'
import { connect } from '../../helpers/raw-client.ts'

const UserSocket = defineSocket({ connect: ({ name }: { name?: string }) => ({ ok: { name } }) }).id(
  ({ name }) => `user:${name}`,
)

test('every connection of the id is closed with 1001, and no other', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  await app.register(socketsRoutes)
  const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')
  const open = (name: string) => connect(`${url}/socket/websocket?vsn=2.0.0&name=${name}`)
  const [bob, ...anns] = [await open('bob'), await open('ann'), await open('ann')]

  const response = await app.inject({ method: 'POST', url: '/sockets/user%3Aann/disconnect' })

  expect([response.statusCode, response.json()]).toEqual([202, { ok: true }])
  expect(await Promise.all(anns.map(({ closed }) => closed))).toEqual([1001, 1001])
  bob?.send('[null,"1","phoenix","heartbeat",{}]')
  expect(String(await bob?.next())).toContain('"status":"ok"')
})

test.each(['room:lobby', 'a\nb', 'x'.repeat(256), ''])('%j is no id of a socket', async (id) => {
  const apiToken = 'a-token-of-the-tests'
  const { app } = await openApp({ apiToken })
  const response = await app.inject({
    method: 'POST',
    headers: { authorization: `Bearer ${apiToken}` },
    url: `/api/sockets/${encodeURIComponent(id)}/disconnect`,
  })
  expect(response.json()).toMatchObject({ status: 400, code: 'invalid_request' })
})
