// A simple Phoenix V2 server, written in an hour: Fastify, its WebSocket plugin, JSON encoded for every recipient.
import websocket from '@fastify/websocket'
import Fastify from 'fastify'

/** @type {Map<string, Set<import('ws').WebSocket>>} */
const rooms = new Map()

const level = process.env['LOG_LEVEL'] ?? 'silent'
const app = Fastify({ logger: level === 'silent' ? false : { level } })
await app.register(websocket)
app.get('/socket/websocket', { websocket: true }, (socket) => {
  const joined = new Set()
  socket.on('message', (/** @type {Buffer} */ data) => {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString())
    const reply = (/** @type {string} */ status, /** @type {unknown} */ response) =>
      socket.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status, response }]))
    if (topic === 'phoenix' && event === 'heartbeat') return reply('ok', {})
    if (event === 'phx_join') {
      const members = rooms.get(topic) ?? new Set()
      rooms.set(topic, members.add(socket))
      joined.add(topic)
      return reply('ok', {})
    }
    if (!joined.has(topic)) return reply('error', { reason: 'unmatched topic' })
    if (event === 'echo') return reply('ok', payload)
    for (const member of rooms.get(topic) ?? []) {
      if (member.readyState === 1) member.send(JSON.stringify([null, null, topic, event, payload]))
    }
  })
  socket.on('close', () => {
    for (const topic of joined) rooms.get(topic)?.delete(socket)
  })
  socket.on('error', () => socket.terminate())
})
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' })
