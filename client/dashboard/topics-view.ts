import type { Topics } from '../../server/dashboard/contract.ts'
import { element, find, showList } from '../app/dom.ts'
import { describeMembers, type Topic } from './members.ts'

/** Table of the cluster's busiest topics and their members. */
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

function createTopic({ topic }: Topic): HTMLElement {
  const name = element('th', '', element('bdi', '', topic))
  name.scope = 'row'
  return element('tr', '', name, element('td', 'number'), element('td', 'who'))
}

function updateTopic(row: HTMLElement, topic: Topic): void {
  row.querySelector('.number')?.replaceChildren(String(topic.count))
  const who = row.querySelector('.who')
  const names = describeMembers(topic)
  // Do not replace unchanged text, so that the operator's selection is kept.
  if (who !== null && who.textContent !== names) who.textContent = names
}
