import type { Rooms } from '../../server/app/contracts/dashboard.ts'

/** A room with who is in it, as far as they are listed. */
export type Room = Rooms['rooms'][number]

/** Who is in a room, as a sentence; names are isolated, for some run from right to left. */
export function describeMembers({ members, guests, count }: Room): string {
  const named = members.map(({ name, connections }) => {
    return `\u2068${name}\u2069${connections > 1 ? ` ×${connections}` : ''}`
  })
  const unnamed = count - guests - members.length
  if (unnamed > 0) named.push(`${unnamed} more`)
  if (guests > 0) named.push(guests === 1 ? '1 guest' : `${guests} guests`)
  return named.length === 0 ? 'nobody' : named.join(', ')
}
