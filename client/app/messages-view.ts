import { hueOf } from './colour.ts'
import { element, find, showList } from './dom.ts'
import { messageText } from './message-text.ts'
import type { Message } from './messages.ts'

const MINUTES = { hour: 'numeric', minute: '2-digit' } as const
const SECONDS = { ...MINUTES, second: '2-digit' } as const

export type MessagesView = {
  show(messages: readonly Message[]): void
  /**
   * Clear the list before another room is shown. Until the next `show` is done, screen readers do not announce
   * messages.
   */
  clear(): void
}

/** Create the list. While the list is empty, the page shows a welcome text instead. */
export function messagesView(): MessagesView {
  const list = find('.messages', HTMLOListElement)
  const empty = find('.empty', HTMLElement)
  return {
    show(messages) {
      empty.hidden = messages.length > 0
      showList(list, messages, {
        key: (message) => String(message.id),
        create: createMessage,
        update: updateTime,
      })
      list.removeAttribute('aria-busy')
    },
    clear() {
      list.setAttribute('aria-busy', 'true')
      list.replaceChildren()
    },
  }
}

function createMessage(message: Message): HTMLElement {
  const { kind, body, at } = message
  switch (kind) {
    case 'own':
    case 'other':
      return element(
        'li',
        `message ${kind}`,
        element('p', 'meta', senderOf(message), ' ', clock(at, MINUTES)),
        messageText(body),
      )
    case 'background': {
      const who = element('span', 'visually-hidden', 'Server: ')
      return element(
        'li',
        'message background',
        who,
        body,
        ' ',
        element('span', 'count'),
        ' ',
        clock(at, SECONDS),
      )
    }
    case 'new':
      return element('li', 'message gap', element('span', '', 'New since you left'))
    case 'gap':
      return element('li', 'message gap', element('span', '', 'Messages may be missing here'))
  }
}

function senderOf({ kind, from }: Message): HTMLElement {
  if (kind === 'own') return element('span', 'who', 'You')
  if (from === null) return element('span', 'who', 'Someone')
  return element('bdi', `who ${hueOf(from.id)}`, from.name)
}

/**
 * Update the time and count of a line: a run of equal messages can grow, and the page can receive a message's time
 * later than the message.
 */
function updateTime(child: HTMLElement, { kind, at, count }: Message): void {
  const shown = child.querySelector('time')
  if (shown === null || shown.dateTime === new Date(at).toISOString()) return
  shown.replaceWith(clock(at, kind === 'background' ? SECONDS : MINUTES))
  if (count > 1) child.querySelector('.count')?.replaceChildren(`× ${count}`)
}

function clock(at: number, format: Intl.DateTimeFormatOptions): HTMLTimeElement {
  const date = new Date(at)
  const time = element('time', '', date.toLocaleTimeString([], format))
  time.dateTime = date.toISOString()
  time.title = date.toLocaleString()
  return time
}
