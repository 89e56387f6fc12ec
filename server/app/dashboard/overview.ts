import type { Rooms as RoomsShown } from '../contracts/dashboard.ts'
import type { Rooms } from '../rooms.ts'

/** So many rooms are asked for their members: each is a question to all nodes. */
const MAX_ROOMS = 50
/** So many people of a room are named. */
const MAX_MEMBERS = 20

/** The rooms of all nodes with who is in them, as `GET /api/rooms` has them, the first ones of many. */
export async function overview(rooms: Rooms): Promise<RoomsShown> {
  const names = await rooms.list()
  const shown = await Promise.all(names.slice(0, MAX_ROOMS).map((name) => rooms.show(name)))
  return {
    rooms: shown.map((room) => ({ ...room, members: room.members.slice(0, MAX_MEMBERS) })),
    unlisted: names.length - shown.length,
  }
}
