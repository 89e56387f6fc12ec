import { Type } from 'typebox'
import { defineContract } from '../../../protocol/index.ts'

/** Limits of the chat, shared by the channel, the routes and the page. */
export const limits = Object.freeze({ roomName: 64, body: 4000, personName: 40, client: 64, messageId: 64 })

/** Room name of 1 to 64 code points, without control characters and commas (some clients split frames at commas). */
export const RoomName = Type.String({
  pattern: `^[^\\p{Cc},]{1,${limits.roomName}}$`,
  description: 'Name of a room',
})

/**
 * New message. Its `body` has 1 to 4,000 code points without unpaired surrogates, which are not valid Unicode. The
 * schema does not use TypeBox's `maxLength`, which counts graphemes: a grapheme can have any number of code points.
 */
export const NewMessage = Type.Object({
  body: Type.String({ pattern: `^\\P{Cs}{1,${limits.body}}$`, description: 'Text of the message' }),
})

/** Name of 1 to 40 code points, without control characters and unpaired surrogates. */
export const PersonName = Type.String({
  pattern: `^[^\\p{Cc}\\p{Cs}]{1,${limits.personName}}$`,
  description: 'Display name of a person',
})

/** Property names that every JavaScript object inherits. As keys of presences, they would confuse clients. */
const RESERVED = Object.getOwnPropertyNames(Object.prototype).join('|')

/** Key of a person's presence: 1 to 64 letters, digits, `-` and `_`. */
export const PersonId = Type.String({
  pattern: `^(?!(?:${RESERVED})$)[\\w-]{1,${limits.client}}$`,
  description: 'Id of the user; on a server without user tokens, an id that the client chose',
})

/** Public data of a person, which every member of the room receives. */
export const Person = Type.Object({ id: PersonId, name: PersonName })

/** Id of a message, chosen by its sender: 1 to 64 letters, digits, `-` and `_`. The broadcast contains the id. */
export const MessageId = Type.String({
  pattern: `^[\\w-]{1,${limits.messageId}}$`,
  description: 'Id chosen by the sender, to recognize echoes and retries',
})

/** Message as a client sends it. */
const SentMessage = Type.Object({ ...NewMessage.properties, id: Type.Optional(MessageId) })

/** Message as all clients receive it. A message of a guest has no `from`. */
export const SaidMessage = Type.Object({ ...SentMessage.properties, from: Type.Optional(Person) })

/** Payload of the event `typing`, which tells that a user is typing. A guest's payload has no `from`. */
const Typing = Type.Object({ from: Type.Optional(Person) })

/** Params of a join. Without a token, a named member sends both params, and a guest sends neither. */
const JoinRoom = Type.Object({
  name: Type.Optional(PersonName),
  client: Type.Optional(PersonId),
})

/** Reply to a join: the user of the token if AUTH_SECRET is set, otherwise an empty object. */
const JoinedRoom = Type.Object({ user: Type.Optional(Person) })

/** Texts that the NotificationWorker sends, by room. The page styles these texts differently from messages of users. */
export const notifications: Readonly<Record<string, string>> = Object.freeze({
  global: 'Background ping',
  lobby: 'Lobby ping',
})

export const Room = defineContract({
  topic: 'room:*',
  params: JoinRoom,
  reply: JoinedRoom,
  incoming: { new_msg: { payload: SentMessage }, typing: { payload: Type.Object({}) } },
  outgoing: { new_msg: SaidMessage, typing: Typing },
  history: { size: 200, ttlMs: 86_400_000, events: ['new_msg'] },
  presence: Type.Object({ name: PersonName }),
})
