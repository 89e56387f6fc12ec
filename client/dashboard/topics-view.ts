import type { Topics } from '../../server/dashboard/contract.ts'
import { element, find, showList } from '../app/dom.ts'

/** A topic with those present, as far as they are listed. */
export type Topic = Topics['topics'][number]

/** The busiest topics of the cluster and who is present. */
export type TopicsView = { show(topics: Topics): void }

export function topicsView(): TopicsView {
  const list = find('.topics-list', HTMLTableSectionElement)
  const more = find('.topics-more', HTMLElement)
  return {
    show({ topics, isAll }) {
      more.hidden = isAll
      showList(list, topics, { key: ({ topic }) => topic, create: createTopic, update: updateTopic })
    },
  }
}

/** The members of a topic in words; names are isolated, because some run from right to left. */
export function describeMembers({ members, present, count }: Topic): string {
  const named = members.map(({ name, connections }) => {
    return `\u2068${name}\u2069${connections > 1 ? ` ×${connections}` : ''}`
  })
  if (present > members.length) named.push(`${present - members.length} more`)
  // Channels without a presence; above the limit of names the number is not known.
  const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
  if (present === members.length && count > tracked) {
    const others = count - tracked
    named.push(named.length === 0 ? `${others} without presence` : `${others} others`)
  }
  return named.length === 0 ? 'nobody' : named.join(', ')
}

function createTopic({ topic }: Topic): HTMLElement {
  const name = element('th', '', element('bdi', '', topic))
  name.scope = 'row'
  return element('tr', '', name, element('td', 'number'), element('td', 'who'))
}

function updateTopic(row: HTMLElement, topic: Topic): void {
  row.querySelector('.number')?.replaceChildren(String(topic.count))
  const who = row.querySelector('.who')
  const names = describeMembers(topic)
  // Unchanged text stays as it is, so that it can be selected.
  if (who !== null && who.textContent !== names) who.textContent = names
}
