import { Broadcast } from '../../protocol/index.ts'

// Layout: kind (1 byte); lengths of the publishing node's id (1), of `from` (2) and of the event (4); `seq`
// (8, double); these three texts; the payload. All numbers are big-endian.
const HEADER = 16
const JSON_KIND = 1
const BYTES_KIND = 2
/** Length that stands for `from: null`; no id is that long. */
const NO_SENDER = 0xffff

/** Encode a broadcast for other nodes. The topic is not included: the Redis channel implies it. */
export function encodeBroadcast(nodeId: string, broadcast: Broadcast): Buffer {
  const { json, event } = broadcast
  const from = broadcast.from ?? ''
  const nodeLength = Buffer.byteLength(nodeId)
  const fromLength = Buffer.byteLength(from)
  const eventLength = Buffer.byteLength(event)
  const payloadStart = HEADER + nodeLength + fromLength + eventLength
  const bytes = json === null ? (broadcast.payload as Uint8Array) : null
  const message = Buffer.allocUnsafe(payloadStart + (bytes?.length ?? Buffer.byteLength(json ?? '')))
  message[0] = bytes === null ? JSON_KIND : BYTES_KIND
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

/**
 * Decode a broadcast of another node. Returns null for this node's own, and for kinds of a later version. A
 * JSON payload stays text; it is not parsed.
 */
export function decodeBroadcast(nodeId: string, topic: string, message: Buffer): Broadcast | null {
  const kind = message[0]
  if (kind !== JSON_KIND && kind !== BYTES_KIND) return null
  const fromStart = HEADER + message.readUInt8(1)
  if (message.toString('utf8', HEADER, fromStart) === nodeId) return null
  const fromLength = message.readUInt16BE(2)
  const eventStart = fromStart + (fromLength === NO_SENDER ? 0 : fromLength)
  const payloadStart = eventStart + message.readUInt32BE(4)
  const event = message.toString('utf8', eventStart, payloadStart)
  const origin = {
    from: fromLength === NO_SENDER ? null : message.toString('utf8', fromStart, eventStart),
    seq: message.readDoubleBE(8),
  }
  if (kind === BYTES_KIND) return new Broadcast(topic, event, message.subarray(payloadStart), origin)
  return Broadcast.fromJson(topic, event, message.toString('utf8', payloadStart), origin)
}
