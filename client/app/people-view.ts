import { hueOf } from './colour.ts'
import type { Conversation } from './conversation.ts'
import { element, find, showList } from './dom.ts'
import type { Identity } from './identity.ts'
import { arrange, newsOf, type Person } from './people.ts'

/** Panel that lists the members of the room. On narrow screens, a button opens the panel as a popover. */
export type PeopleView = { show(conversation: Conversation, me: Identity): void }

/** Create the list of people. The view shows the number of people, and announces changes to screen readers. */
export function peopleView(): PeopleView {
  const panel = find('.people', HTMLElement)
  const list = find('.people-list', HTMLUListElement)
  const hint = find('.people-hint', HTMLElement)
  const news = find('.people-news', HTMLElement)
  const counts = document.querySelectorAll('.people-count')
  let shown: Conversation | null = null
  let before: readonly Person[] = []

  openOnDemand(panel, matchMedia('(max-width: 60rem)'))

  return {
    show(conversation, me) {
      const { people } = conversation
      if (conversation !== shown) before = []
      const text = newsOf(before, people)
      // Skip an unchanged text: a screen reader would read it aloud again.
      if (text !== null && text !== news.textContent) news.textContent = text
      shown = conversation
      before = people
      hint.hidden = !me.isGuest
      for (const count of counts) count.textContent = people.length > 0 ? String(people.length) : ''
      showList(list, arrange(people, me.id), {
        key: (person) => person.client,
        create: ({ client }) => createPerson(client),
        update: (child, person) => updatePerson(child, person, person.client === me.id),
      })
    },
  }
}

function openOnDemand(panel: HTMLElement, isNarrow: MediaQueryList): void {
  const follow = () => {
    panel.popover = isNarrow.matches ? 'auto' : null
  }
  isNarrow.addEventListener('change', follow)
  follow()
}

function createPerson(client: string): HTMLElement {
  const name = element('bdi', `person-name ${hueOf(client)}`)
  return element('li', 'person', name, ' ', element('span', 'person-tabs'), ' ', element('span', 'person-me'))
}

function updatePerson(child: HTMLElement, { name, tabs }: Person, isMe: boolean): void {
  child.querySelector('.person-name')?.replaceChildren(name)
  child.querySelector('.person-tabs')?.replaceChildren(tabs > 1 ? `×${tabs}` : '')
  child.querySelector('.person-me')?.replaceChildren(isMe ? '(you)' : '')
}
