import { Broadcast } from './broadcast.ts'
import { ProtocolError } from './errors.ts'
import { PHX_REPLY } from './events.ts'
import { checkEnvelope, encodePayload, encodeValue, parseFrame, replyPayload } from './json.ts'
import { Message, Reply } from './message.ts'
import { bytesOf, checkValue } from './payload.ts'
import { Frame, notMessage, type Opcode, type Serializer } from './serializer.ts'
import { decodePush, encodeBinary, KIND_BROADCAST, KIND_PUSH, KIND_REPLY } from './v2-binary.ts'

/** Serializer of version 2.0.0, with text frames (JSON arrays, FRAME-1) and binary frames (BINARY-1). */
export const v2JsonSerializer: Serializer = Object.freeze({
  vsn: '2.0.0',
  index: 1,

  decode(data: string | Uint8Array, opcode: Opcode): Message {
    if (opcode === 'binary' && data instanceof Uint8Array) return decodePush(data)
    const value = parseFrame(data)
    if (!Array.isArray(value) || value.length < 5) {
      throw new ProtocolError(
        'PHX_ERR_FRAME_SHAPE',
        'a text frame of version 2 must be a JSON array of at least five elements',
      )
    }
    return checkEnvelope(new Message(value[0], value[1], value[2], value[3], value[4]))
  },

  encode(message: Message | Reply): Frame {
    if (!(message instanceof Message || message instanceof Reply)) {
      throw notMessage('encode', 'a Message or a Reply')
    }
    const { joinRef, ref, topic } = message
    if (message instanceof Reply) {
      const { status, response } = message
      const bytes = bytesOf(response)
      if (bytes !== null) {
        return new Frame('binary', encodeBinary(KIND_REPLY, { joinRef, ref, topic, status }, bytes))
      }
      const json = encodeValue([joinRef, ref, topic, PHX_REPLY, replyPayload(message)])
      checkValue(response, json)
      return new Frame('text', json)
    }
    const { event, payload } = message
    const bytes = bytesOf(payload)
    if (bytes !== null) {
      return new Frame('binary', encodeBinary(KIND_PUSH, { joinRef, topic, event }, bytes))
    }
    return text(joinRef, ref, topic, event, encodePayload(payload))
  },

  fastlane(broadcast: Broadcast): Frame {
    if (!Broadcast.is(broadcast)) throw notMessage('fastlane', 'a Broadcast')
    const { topic, event, json } = broadcast
    if (json === null) {
      // The cast is safe: the payload of a broadcast without JSON text is bytes (BROADCAST-4).
      const payload = broadcast.payload as Uint8Array
      return new Frame('binary', encodeBinary(KIND_BROADCAST, { topic, event }, payload))
    }
    return text(null, null, topic, event, json)
  },
})

/** Text frame of five elements. Some clients split the text at commas, so there is no white space (FRAME-5). */
function text(joinRef: unknown, ref: unknown, topic: unknown, event: unknown, payload: string): Frame {
  const head = `[${encodeValue(joinRef)},${encodeValue(ref)},${encodeValue(topic)}`
  return new Frame('text', `${head},${encodeValue(event)},${payload}]`)
}
