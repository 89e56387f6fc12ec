import { readNumber } from './body.mjs'

/** Kind of a frame for a joined connection. */
export const OTHER = 0
export const DELIVERY = 1
export const REPLY = 2
export const PROBE = 3
/** A reply to a push without a ref. */
export const IGNORED = 4

/** Returned by `Protocol.opened` when the connection is a member of its room. */
export const JOINED = Symbol('joined')

/**
 * Protocol of one kind of server. `kind` and `replyRef` compare single bytes, because they run for every frame.
 * @typedef {object} Protocol
 * @property {string} path of the upgrade request
 * @property {(room: number) => string} [topic] default: `room:` and the number
 * @property {(topic: string) => string | null} greeting the first message after the upgrade
 * @property {(text: string, topic: string) => string | typeof JOINED | null} opened reads a frame before the
 *   join is done, and returns the message to send, `JOINED`, or null; throws if the join is refused
 * @property {(bytes: Buffer, start: number) => number} kind
 * @property {(topic: string, body: string) => string} push a message for everyone in the room
 * @property {(topic: string, ref: number, body: string) => string} echo a request that only the sender gets back
 * @property {(bytes: Buffer, start: number) => number} replyRef ref of the request to which a reply belongs
 * @property {(text: string) => { topic: string | null, body: unknown }} parse reads a delivery or reply
 */

/** @type {Protocol} */
const phoenix = {
  path: '/socket/websocket?vsn=2.0.0',
  greeting: (topic) => `["1","1","${topic}","phx_join",{}]`,
  opened(text, topic) {
    const [joinRef, , of, event, payload] = JSON.parse(text)
    if (joinRef !== '1' || of !== topic || event !== 'phx_reply') return null
    if (payload.status !== 'ok') throw new Error(`join refused: ${text}`)
    return JOINED
  },
  // A broadcast begins with `[null,null,`, and a reply to this connection with `["1",`.
  kind: (bytes, start) => (bytes[start + 1] === 0x6e ? DELIVERY : bytes[start + 1] === 0x22 ? REPLY : OTHER),
  push: (topic, body) => `["1","2","${topic}","new_msg",{"body":"${body}"}]`,
  echo: (topic, ref, body) => `["1","${ref}","${topic}","echo",{"body":"${body}"}]`,
  replyRef: (bytes, start) => readNumber(bytes, start + '["1","'.length),
  parse(text) {
    const [, , topic, event, payload] = JSON.parse(text)
    if (event === 'phx_reply') return { topic, body: payload.status === 'ok' ? payload.response.body : null }
    return { topic, body: event === 'new_msg' ? payload.body : null }
  },
}

/**
 * The phoenix protocol in the rooms with this prefix, which selects whether they have a history.
 * @param {string} prefix
 * @param {string} params of the join
 * @returns {Protocol}
 */
const log = (prefix, params) => ({
  ...phoenix,
  topic: (room) => `${prefix}:${room}`,
  greeting: (topic) => `["1","1","${topic}","phx_join",${params}]`,
  kind: (bytes, start) =>
    bytes[start + 1] === 0x6e ? DELIVERY : bytes[start + 5] === 0x6e ? IGNORED : REPLY,
  push: (topic, body) => `["1",null,"${topic}","say",{"body":"${body}"}]`,
  parse(text) {
    const [, , topic, event, payload] = JSON.parse(text)
    return { topic, body: event === 'msg' ? payload.body : null }
  },
})

/**
 * The phoenix protocol with one topic for all clients. Each client is sent the latest `missed` messages of the topic.
 * @param {string} topic
 * @param {number} missed
 * @returns {Protocol}
 */
const rejoin = (topic, missed) => ({
  ...phoenix,
  topic: () => topic,
  greeting: () =>
    `["1","1","${topic}","phx_join",${missed > 0 ? `{"_since":null,"_last":${missed}}` : '{}'}]`,
  opened(text) {
    const { status, response } = JSON.parse(text)[4]
    if (status !== 'ok') throw new Error(`join refused: ${text}`)
    const { seq = 0, head = 0 } = response._recovery ?? {}
    if (head - seq !== missed) throw new Error(`${missed} messages must be missed: ${text}`)
    return JOINED
  },
})

/** @type {Protocol} */
const socketio = {
  path: '/socket.io/?EIO=4&transport=websocket',
  greeting: () => null,
  opened(text, topic) {
    if (text.startsWith('44')) throw new Error(`connect refused: ${text}`)
    if (text.startsWith('430')) return JOINED
    if (text.startsWith('40')) return `420["join","${topic}"]`
    if (text.startsWith('0')) return '40'
    return text === '2' ? '3' : null
  },
  kind(bytes, start) {
    if (bytes[start] === 0x32) return PROBE
    if (bytes[start] !== 0x34) return OTHER
    return bytes[start + 1] === 0x32 ? DELIVERY : bytes[start + 1] === 0x33 ? REPLY : OTHER
  },
  push: (topic, body) => `42["new_msg","${topic}",{"body":"${body}"}]`,
  echo: (_topic, ref, body) => `42${ref}["echo",{"body":"${body}"}]`,
  replyRef: (bytes, start) => readNumber(bytes, start + 2),
  parse(text) {
    const values = JSON.parse(text.slice(text.indexOf('[')))
    return { topic: null, body: values.at(-1).body }
  },
}

/** The bytes of a Phoenix broadcast with nothing to parse, to measure the cost of sockets alone. @type {Protocol} */
const raw = {
  path: '/',
  greeting: (topic) => topic,
  opened: (text) => (text === 'j' ? JOINED : null),
  kind: (bytes, start) => (bytes[start] === 0x5b ? DELIVERY : bytes[start] === 0x65 ? REPLY : OTHER),
  push: (topic, body) => `[null,null,"${topic}","new_msg",{"body":"${body}"}]`,
  echo: (_topic, ref, body) => `e${ref} ${body}`,
  replyRef: (bytes, start) => readNumber(bytes, start + 1),
  parse(text) {
    if (text.startsWith('e')) return { topic: null, body: text.slice(text.indexOf(' ') + 1) }
    const [, , topic, , payload] = JSON.parse(text)
    return { topic, body: payload.body }
  },
}

/** The protocols by name. @type {Readonly<Record<string, Protocol>>} */
export const protocols = {
  phoenix,
  plain: log('plain', '{}'),
  kept: log('big', '{}'),
  asked: log('big', '{"_since":null}'),
  join: rejoin('plain:0', 0),
  rejoin: rejoin('big:0', 100),
  socketio,
  raw,
}
