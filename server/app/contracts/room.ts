import { Type } from 'typebox'
import { defineContract } from '../../../protocol/index.ts'

/** The limits of the demo, for the channel, the routes and the page alike. */
export const limits = Object.freeze({ roomName: 64, body: 4000 })

/** 1 to 64 code points, no control characters, no comma (some clients cut frames at commas). */
export const RoomName = Type.String({
  pattern: `^[^\\p{Cc},]{1,${limits.roomName}}$`,
  description: 'Name of a room',
})

/** 1 to 4,000 code points: `maxLength` would count graphemes, which have no limit of their own. */
export const NewMessage = Type.Object({
  body: Type.String({ pattern: `^[\\s\\S]{1,${limits.body}}$`, description: 'Text of the message' }),
})

/** What the NotificationWorker says, room by room; the page tells these texts from people's. */
export const notifications: Readonly<Record<string, string>> = Object.freeze({
  global: 'Background ping',
  lobby: 'Lobby ping',
})

export const Room = defineContract({
  topic: 'room:*',
  incoming: { new_msg: { payload: NewMessage } },
  outgoing: { new_msg: NewMessage },
})
