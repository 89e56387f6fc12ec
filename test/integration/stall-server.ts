// A process with a server for stalls.process.test.ts, which stops and continues it.

import fastify from 'fastify'
import { defineSocket, phoenix } from '../../server/index.ts'

const app = fastify()
const socket = defineSocket({ connect: () => ({ ok: {} }) })
const timeout = Number(process.env['TIMEOUT'])
await app.register(phoenix, {
  sockets: { '/socket': { socket, websocket: { timeout } } },
  limits: { sweepInterval: 50 },
})
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`)
