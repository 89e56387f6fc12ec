import { Broadcast } from './broadcast.ts'
import { ProtocolError } from './errors.ts'
import { PHX_REPLY } from './events.ts'
import { checkEnvelope, encodePayload, encodeValue, parseFrame, replyPayload } from './json.ts'
import { Message, Reply } from './message.ts'
import { bytesOf, checkValue } from './payload.ts'
import { Frame, notMessage, type Opcode, type Serializer } from './serializer.ts'

/** Serializer of version 1.0.0: one JSON object per frame, without join_ref in the output (V1-1 to V1-6). */
export const v1JsonSerializer: Serializer = Object.freeze({
  vsn: '1.0.0',
  index: 0,

  /** Decode a frame. Text and binary frames are decoded alike (V1-4). */
  decode(data: string | Uint8Array, _opcode: Opcode): Message {
    // `Object()` allows destructuring of any JSON value, even null. JSON cannot contain undefined, so an undefined
    // variable means that the frame lacks the key. Null is a valid value (V1-2).
    const frame: Record<string, unknown> = Object(parseFrame(data))
    const { topic, event, payload, ref, join_ref } = frame
    if (topic === undefined || event === undefined || payload === undefined || ref === undefined) {
      throw new ProtocolError(
        'PHX_ERR_FRAME_SHAPE',
        'a version 1 frame must be an object with topic, event, payload and ref',
      )
    }
    return checkEnvelope(new Message(join_ref ?? null, ref, topic, event, payload))
  },

  encode(message: Message | Reply): Frame {
    if (!(message instanceof Message || message instanceof Reply)) {
      throw notMessage('encode', 'a Message or a Reply')
    }
    if (message instanceof Reply) {
      if (bytesOf(message.response) !== null) throw noBinary()
      const json = encodeValue({
        event: PHX_REPLY,
        payload: replyPayload(message),
        ref: message.ref,
        topic: message.topic,
      })
      checkValue(message.response, json)
      return new Frame('text', json)
    }
    if (bytesOf(message.payload) !== null) throw noBinary()
    return text(message.event, encodePayload(message.payload), message.ref, message.topic)
  },

  /** Encode a broadcast. Returns null for a binary payload, which version 1 does not support (V1-6). */
  fastlane(broadcast: Broadcast): Frame | null {
    if (!Broadcast.is(broadcast)) throw notMessage('fastlane', 'a Broadcast')
    if (broadcast.json === null) return null
    return text(broadcast.event, broadcast.json, null, broadcast.topic)
  },
})

function text(event: unknown, payload: string, ref: unknown, topic: unknown): Frame {
  return new Frame(
    'text',
    `{"event":${encodeValue(event)},"payload":${payload},"ref":${encodeValue(ref)},"topic":${encodeValue(topic)}}`,
  )
}

function noBinary(): ProtocolError {
  return new ProtocolError(
    'PHX_ERR_PAYLOAD_TYPE',
    "the client's protocol version 1.0.0 does not support binary payloads",
  )
}
