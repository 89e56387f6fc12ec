import { type Channel, Presence } from 'phoenix'
import { PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'
import { type Person, personOf } from './people.ts'

/**
 * Follow who is in the room, from the reply to a join on; to be called at each of them. The official class
 * would lay diffs that came before the reply over the next state, which knows better.
 */
export function followPeople(channel: Channel, heard: (people: readonly Person[]) => void): void {
  for (const event of [PRESENCE_STATE, PRESENCE_DIFF]) channel.off(event)
  const presence = new Presence(channel)
  presence.onSync(() => heard(presence.list(personOf)))
}
