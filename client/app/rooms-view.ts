import { element, find, showList } from './dom.ts'
import { hashOfRoom, roomNameError } from './rooms.ts'

/** List of rooms beside the conversation, with a form to join another room by its name. */
export type RoomsView = {
  /** Show the rooms. `unread` has the number of unread messages by room. */
  show(rooms: readonly string[], current: string, unread: ReadonlyMap<string, number>): void
  /** Show why a room cannot be joined. An empty text removes the error. */
  showError(text: string): void
}

/** Create the list. When the user chooses a room, the page's URL changes and `chosen` is called. */
export function roomsView(chosen: (room: string) => void): RoomsView {
  const list = find('.rooms-list', HTMLUListElement)
  const form = find('.join', HTMLFormElement)
  const input = find('.join-name', HTMLInputElement)
  const error = find('.join-error', HTMLElement)

  const showError = (text: string) => {
    error.textContent = text
    input.setAttribute('aria-invalid', String(text !== ''))
  }
  const choose = (room: string) => {
    showError('')
    location.hash = hashOfRoom(room)
    chosen(room)
  }

  list.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('li') : null
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    choose(link.dataset['key'] ?? '')
  })
  input.addEventListener('input', () => showError(''))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const name = input.value.trim()
    const problem = roomNameError(name)
    if (problem !== null) {
      showError(problem)
      input.focus()
      return
    }
    input.value = ''
    choose(name)
  })

  return {
    showError,
    show(rooms, current, unread) {
      showList(list, rooms, {
        key: (room) => room,
        create: createRoom,
        update(child, room) {
          const link = child.firstElementChild
          showUnread(child, unread.get(room) ?? 0)
          if (room === current) link?.setAttribute('aria-current', 'page')
          else link?.removeAttribute('aria-current')
        },
      })
    },
  }
}

function createRoom(room: string): HTMLElement {
  const link = element('a', 'room-link', element('bdi', '', room), element('span', 'unread'))
  link.href = hashOfRoom(room)
  return element('li', '', link)
}

function showUnread(child: HTMLElement, count: number): void {
  const badge = child.querySelector('.unread')
  if (badge === null || child.dataset['unread'] === String(count)) return
  child.dataset['unread'] = String(count)
  const spoken = element('span', 'visually-hidden', ' unread')
  badge.replaceChildren(...(count > 0 ? [' ', count > 99 ? '99+' : String(count), spoken] : []))
}
