import type { PresenceEntries } from '../../protocol/index.ts'
import type { Room } from '../../server/app/contracts/room.ts'

/** Member of the room who has a name. */
export type Person = {
  readonly client: string
  readonly name: string
  /** Number of tabs in which the person has joined. */
  readonly tabs: number
}

export function personOf(client: string, { metas }: PresenceEntries<typeof Room>[string]): Person {
  // After a rename, the tabs may have different names for a moment. The latest meta has the new name.
  return { client, name: metas.at(-1)?.name ?? '', tabs: metas.length }
}

/** Sort people for the list: the user comes first, the others are sorted by name. */
export function arrange(people: readonly Person[], client: string): readonly Person[] {
  const isMe = (person: Person) => Number(person.client === client)
  return people.toSorted(
    (a, b) => isMe(b) - isMe(a) || a.name.localeCompare(b.name) || a.client.localeCompare(b.client),
  )
}

/** Announcement for screen readers. Empty if the list is empty; otherwise null if nobody came or left. */
export function newsOf(before: readonly Person[], after: readonly Person[]): string | null {
  const came = without(after, before)
  const left = without(before, after)
  if (after.length === 0) return ''
  if (came.length + left.length === 0) return null
  if (before.length === 0 || came.length + left.length > 1) return countText(after.length)
  return came[0] ? `${came[0].name} came` : `${left[0]?.name} left`
}

function without(people: readonly Person[], others: readonly Person[]): readonly Person[] {
  const known = new Set(others.map(({ client }) => client))
  return people.filter(({ client }) => !known.has(client))
}

function countText(count: number): string {
  return count === 1 ? 'Nobody else is here' : `${count} people are here`
}
