import { element, find, showList } from './dom.ts'
import { messageText } from './message-text.ts'
import type { Send, SendState } from './outbox.ts'

/** Callbacks for the buttons of a message that is unconfirmed or refused. The id is the id of the message. */
export type OutboxActions = { retry(id: string): void; discard(id: string): void }

/** List of the user's messages that the server has not confirmed. The list is below the other messages. */
export type OutboxView = { show(sends: readonly Send[]): void }

/** Create the list. An unconfirmed or refused message has buttons to retry and to discard it. */
export function outboxView(actions: OutboxActions): OutboxView {
  const list = find('.outbox', HTMLUListElement)
  return {
    show(sends) {
      showList(list, sends, {
        key: (send) => send.id,
        create: createSend,
        update: (child, send) => updateSend(child, send, actions),
      })
    },
  }
}

const LABELS: Readonly<Record<SendState, string>> = {
  queued: 'Waiting to be sent',
  sending: 'Sending…',
  unconfirmed: 'Not confirmed',
  refused: 'Not sent',
}

function createSend({ body }: Send): HTMLElement {
  const meta = element('p', 'meta', element('span', 'who', 'You'), ' ', element('span', 'progress'))
  return element('li', 'message own pending', meta, messageText(body))
}

function updateSend(child: HTMLElement, { id, state, reason }: Send, actions: OutboxActions): void {
  if (child.dataset['state'] === state) return
  child.dataset['state'] = state
  const hasFailed = reason !== ''
  child.classList.toggle('failed', hasFailed)
  child.classList.toggle('pending', !hasFailed)
  child.querySelector('.progress')?.replaceChildren(LABELS[state])
  for (const old of child.querySelectorAll('.failure, .actions')) old.remove()
  if (!hasFailed) return
  const why = element('p', 'failure', reason)
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
