import { type Channel, Presence } from 'phoenix'
import { PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'
import { type Person, personOf } from './people.ts'

/**
 * Follow the members of the room. Must be called at each reply to a join, in order to create a new `Presence`. The old
 * `Presence` can have queued diffs, and would apply these diffs to the new state, which already includes them.
 */
export function followPeople(channel: Channel, heard: (people: readonly Person[]) => void): void {
  for (const event of [PRESENCE_STATE, PRESENCE_DIFF]) channel.off(event)
  const presence = new Presence(channel)
  presence.onSync(() => heard(presence.list(personOf)))
}
