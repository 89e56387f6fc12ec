// Baseline: the cost of the sockets alone. It uses `ws`, one ready-made frame per broadcast, and one write for all
// messages of a room in an event-loop turn. Speaks the part of Phoenix V2 that the benchmark uses, or the raw protocol
// (PROTOCOL=raw).
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

/** @type {Map<string, { members: Set<import('ws').WebSocket>, frames: Buffer[] }>} */
const rooms = new Map()
/** @type {Set<{ members: Set<import('ws').WebSocket>, frames: Buffer[] }>} */
const dirty = new Set()

/** @param {string} text */
function frameOf(text) {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafeSlow(header + length)
  frame[0] = 0x81
  if (header === 2) frame[1] = length
  else if (header === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, header)
  return frame
}

function flush() {
  for (const room of dirty) {
    const bytes = room.frames.length === 1 ? room.frames[0] : Buffer.concat(room.frames)
    room.frames = []
    for (const member of room.members) {
      // The socket of `ws` is private, but there is no other way to write a ready-made frame.
      if (member.readyState === 1) /** @type {any} */ (member)._socket.write(bytes)
    }
  }
  dirty.clear()
}

/**
 * @param {string} topic
 * @param {string} text
 */
function broadcast(topic, text) {
  const room = rooms.get(topic)
  if (room === undefined) return
  room.frames.push(frameOf(text))
  if (dirty.size === 0) setImmediate(flush)
  dirty.add(room)
}

/**
 * @param {import('ws').WebSocket} client
 * @param {string} topic
 */
function enter(client, topic) {
  let room = rooms.get(topic)
  if (room === undefined) {
    room = { members: new Set(), frames: [] }
    rooms.set(topic, room)
  }
  room.members.add(client)
  const { members } = room
  client.on('close', () => members.delete(client))
}

/**
 * @param {import('ws').WebSocket} client
 * @param {string} text
 */
function phoenix(client, text) {
  const [joinRef, ref, topic, event, payload] = JSON.parse(text)
  const reply = (/** @type {unknown} */ response) => {
    client.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response }]))
  }
  if (event === 'phx_join') {
    enter(client, topic)
    reply({})
  } else if (event === 'echo') reply(payload)
  else if (event === 'heartbeat') reply({})
  else broadcast(topic, JSON.stringify([null, null, topic, event, payload]))
}

/** @type {WeakMap<import('ws').WebSocket, string>} */
const topics = new WeakMap()

/**
 * @param {import('ws').WebSocket} client
 * @param {string} text
 */
function raw(client, text) {
  const topic = topics.get(client)
  if (topic === undefined) {
    topics.set(client, text)
    enter(client, text)
    client.send('j')
  } else if (text.startsWith('e')) client.send(text)
  else broadcast(topic, text)
}

// Ignore errors, because `ws` closes the connection itself, but requires a listener.
function ignore() {}

const receive = process.env['PROTOCOL'] === 'raw' ? raw : phoenix
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (client) => {
  client.on('message', (data) => receive(client, data.toString()))
  client.on('error', ignore)
})
server.listen(Number(process.env['PORT']), '127.0.0.1', 4_096)
