import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from '../pubsub/history.ts'

// Layout: kind (1 byte); lengths of the publishing node's id (1 byte), of the sender's id `from` (2 bytes) and of the
// event (4 bytes); `seq` (8 bytes, double); the texts of node id, `from` and event; the payload. All numbers are
// big-endian.
const HEADER = 16
const JSON_KIND = 1
const BYTES_KIND = 2
/**
 * Message kinds of broadcasts that are not kept, although their topic has a history. All nodes, including the
 * publishing node, deliver such a broadcast when it arrives from Redis.
 */
const ECHOED_JSON_KIND = 3
const ECHOED_BYTES_KIND = 4
/** On the Redis channel, a kept message has the prefix `<epoch>-<seq> <time in ms> `, so its first byte is a digit. */
const [FIRST_DIGIT, LAST_DIGIT, SPACE] = [0x30, 0x39, 0x20]
/** Marks a null `from`; written in place of the length of `from`, which is at most 255 characters. */
const NO_SENDER = 0xffff

/** Encode a broadcast for other nodes. The topic is not included: the Redis channel implies it. */
export function encodeBroadcast(nodeId: string, broadcast: Broadcast): Buffer {
  return write(broadcast.json === null ? BYTES_KIND : JSON_KIND, nodeId, broadcast)
}

/** Encode a broadcast that the history of its topic does not keep. All nodes, including this node, receive it. */
export function encodeEchoed(broadcast: Broadcast): Buffer {
  return write(broadcast.json === null ? ECHOED_BYTES_KIND : ECHOED_JSON_KIND, '', broadcast)
}

/**
 * Decode a broadcast of another node. Returns null for this node's own broadcasts, and for message kinds that this
 * version does not support. A JSON payload is not parsed.
 */
export function decodeBroadcast(nodeId: string, topic: string, message: Buffer): Broadcast | null {
  const kind = message[0]
  if (kind !== JSON_KIND && kind !== BYTES_KIND) return null
  if (message.toString('utf8', HEADER, HEADER + message.readUInt8(1)) === nodeId) return null
  return read(topic, message)
}

/** Broadcast of a topic with a history, as all nodes receive it. */
export type Echoed = {
  /** Epoch of the topic's history (see `history-scripts.ts`); null if the broadcast is not kept. */
  readonly epoch: string | null
  /** Time at which Redis kept the broadcast, in milliseconds since 1970; 0 if the broadcast is not kept. */
  readonly at: number
  readonly broadcast: Broadcast
}

/** Decode a broadcast of a topic with a history. Returns null for other kinds of messages. */
export function decodeEchoed(topic: string, message: Buffer): Echoed | null {
  const [kind = 0] = message
  if (kind === ECHOED_JSON_KIND || kind === ECHOED_BYTES_KIND) {
    return { epoch: null, at: 0, broadcast: read(topic, message) }
  }
  if (kind < FIRST_DIGIT || kind > LAST_DIGIT) return null
  const idEnd = message.indexOf(SPACE)
  const timeEnd = message.indexOf(SPACE, idEnd + 1)
  const [epoch = '', seq = ''] = message.toString('latin1', 0, idEnd).split('-')
  const broadcast = read(topic, message.subarray(timeEnd + 1))
  broadcast.seq = Number(seq)
  return { epoch, at: Number(message.toString('latin1', idEnd + 1, timeEnd)), broadcast }
}

/** Decode a broadcast from the stream of a topic's history. `seq` must be 0 for a broadcast of an earlier epoch. */
export function decodeKept(message: Buffer, seq: number, at: number): Kept {
  const { from, event, payloadStart } = parse(message)
  return { seq, at, event, from, json: message.toString('utf8', payloadStart) }
}

function write(kind: number, nodeId: string, broadcast: Broadcast): Buffer {
  const { json, event } = broadcast
  const from = broadcast.from ?? ''
  const nodeLength = Buffer.byteLength(nodeId)
  const fromLength = Buffer.byteLength(from)
  const eventLength = Buffer.byteLength(event)
  const payloadStart = HEADER + nodeLength + fromLength + eventLength
  const bytes = json === null ? (broadcast.payload as Uint8Array) : null
  const message = Buffer.allocUnsafe(payloadStart + (bytes?.length ?? Buffer.byteLength(json ?? '')))
  message[0] = kind
  message[1] = nodeLength
  message.writeUInt16BE(broadcast.from === null ? NO_SENDER : fromLength, 2)
  message.writeUInt32BE(eventLength, 4)
  message.writeDoubleBE(broadcast.seq, 8)
  message.write(nodeId, HEADER)
  message.write(from, HEADER + nodeLength)
  message.write(event, HEADER + nodeLength + fromLength)
  if (bytes === null) message.write(json ?? '', payloadStart)
  else message.set(bytes, payloadStart)
  return message
}

function read(topic: string, message: Buffer): Broadcast {
  const { event, payloadStart, ...origin } = parse(message)
  const isBytes = message[0] === BYTES_KIND || message[0] === ECHOED_BYTES_KIND
  if (isBytes) return new Broadcast(topic, event, message.subarray(payloadStart), origin)
  return Broadcast.fromJson(topic, event, message.toString('utf8', payloadStart), origin)
}

function parse(message: Buffer) {
  const fromStart = HEADER + message.readUInt8(1)
  const fromLength = message.readUInt16BE(2)
  const eventStart = fromStart + (fromLength === NO_SENDER ? 0 : fromLength)
  const payloadStart = eventStart + message.readUInt32BE(4)
  return {
    from: fromLength === NO_SENDER ? null : message.toString('utf8', fromStart, eventStart),
    seq: message.readDoubleBE(8),
    event: message.toString('utf8', eventStart, payloadStart),
    payloadStart,
  }
}
