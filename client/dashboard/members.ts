import type { Topics } from '../../server/dashboard/contract.ts'

/** A topic with those present, as far as they are listed. */
export type Topic = Topics['topics'][number]

/** The members of a topic in words; names are isolated, because some run from right to left. */
export function describeMembers({ members, present, count }: Topic): string {
  const named = members.map(({ name, connections }) => {
    return `\u2068${name}\u2069${connections > 1 ? ` ×${connections}` : ''}`
  })
  if (present > members.length) named.push(`${present - members.length} more`)
  // Channels without a presence; above the limit of names the number is not known.
  const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
  if (present === members.length && count > tracked) {
    const others = count - tracked
    named.push(named.length === 0 ? `${others} without presence` : `${others} others`)
  }
  return named.length === 0 ? 'nobody' : named.join(', ')
}
