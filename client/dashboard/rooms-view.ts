import type { Rooms } from '../../server/app/contracts/dashboard.ts'
import { element, find, showList } from '../app/dom.ts'
import { describeMembers, type Room } from './members.ts'

/** The rooms of the cluster and who is in them. */
export type RoomsView = { show(rooms: Rooms): void }

export function roomsView(): RoomsView {
  const list = find('.rooms-list', HTMLTableSectionElement)
  const count = find('.rooms-count', HTMLElement)
  const more = find('.rooms-more', HTMLElement)
  return {
    show({ rooms, unlisted }) {
      count.textContent = String(rooms.length + unlisted)
      more.hidden = unlisted === 0
      more.textContent = `and ${unlisted} more`
      showList(list, rooms, { key: ({ room }) => room, create: createRoom, update: updateRoom })
    },
  }
}

function createRoom({ room }: Room): HTMLElement {
  const name = element('th', '', element('bdi', '', room))
  name.scope = 'row'
  return element('tr', '', name, element('td', 'number'), element('td', 'who'))
}

function updateRoom(row: HTMLElement, room: Room): void {
  row.querySelector('.number')?.replaceChildren(String(room.count))
  const who = row.querySelector('.who')
  const names = describeMembers(room)
  // Text that is the same stays as it is, so that it can be selected.
  if (who !== null && who.textContent !== names) who.textContent = names
}
