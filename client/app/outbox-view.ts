import { element, find, showList } from './dom.ts'
import type { Send } from './outbox.ts'

/** What the user can do with a failed send. */
export type OutboxActions = { retry(id: number): void; discard(id: number): void }

/** The sends that are not confirmed, below the messages. */
export type OutboxView = { show(sends: readonly Send[]): void }

/** Pending and failed sends; a failed one has its buttons. */
export function outboxView(actions: OutboxActions): OutboxView {
  const list = find('.outbox', HTMLUListElement)
  return {
    show(sends) {
      showList(list, sends, {
        key: (send) => String(send.id),
        create: createSend,
        update: (child, send) => updateSend(child, send, actions),
      })
    },
  }
}

function createSend({ body }: Send): HTMLElement {
  const text = element('p', 'text', body)
  text.dir = 'auto'
  const meta = element(
    'p',
    'meta',
    element('span', 'who', 'You'),
    ' ',
    element('span', 'progress', 'Sending…'),
  )
  return element('li', 'message own pending', meta, text)
}

function updateSend(child: HTMLElement, { id, failure }: Send, actions: OutboxActions): void {
  if (failure === null || child.classList.contains('failed')) return
  child.classList.replace('pending', 'failed')
  child.querySelector('.progress')?.replaceChildren('Not sent')
  const why = element('p', 'failure', failure)
  why.setAttribute('role', 'alert')
  const retry = button('Retry', () => actions.retry(id))
  const discard = button('Discard', () => actions.discard(id))
  child.append(why, element('p', 'actions', retry, ' ', discard))
}

function button(label: string, act: () => void): HTMLButtonElement {
  const node = element('button', 'quiet', label)
  node.type = 'button'
  node.addEventListener('click', act)
  return node
}
