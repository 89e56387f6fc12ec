import { type Channel, Presence } from 'phoenix'
import { PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'
import { type Person, personOf } from './people.ts'

/**
 * Follow the members of the room. Must be called at each reply to a join, because each call creates a new `Presence`.
 * The old one would apply diffs from before the reply to the new state, which already includes them.
 */
export function followPeople(channel: Channel, heard: (people: readonly Person[]) => void): void {
  for (const event of [PRESENCE_STATE, PRESENCE_DIFF]) channel.off(event)
  const presence = new Presence(channel)
  presence.onSync(() => heard(presence.list(personOf)))
}
