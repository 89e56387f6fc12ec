import type { Topics } from '../../server/dashboard/contract.ts'

/** Topic with its listed members. */
export type Topic = Topics['topics'][number]

/** Text that lists a topic's members. Names are in Unicode isolates, because some are written from right to left. */
export function describeMembers({ members, present, count }: Topic): string {
  const named = members.map(({ name, connections }) => {
    return `\u2068${name}\u2069${connections > 1 ? ` ×${connections}` : ''}`
  })
  if (present > members.length) named.push(`${present - members.length} more`)
  // Count the channels without a presence. This number is known only if all members are listed.
  const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
  if (present === members.length && count > tracked) {
    named.push(`${count - tracked} without presence`)
  }
  return named.length === 0 ? 'nobody' : named.join(', ')
}
