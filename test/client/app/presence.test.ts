import { expect, test } from 'vitest'
import type { Person } from '../../../client/app/people.ts'
import { followPeople } from '../../../client/app/presence.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

function joined() {
  const line = new MemoryLine()
  line.open()
  const channel = line.socket.channel('room:lobby')
  channel.join()
  line.reply('ok', {})
  const [joinRef] = line.last
  const heard: string[][] = []
  const hear = (people: readonly Person[]) => void heard.push(people.map(({ name, tabs }) => name + tabs))
  return {
    heard,
    follow: () => followPeople(channel, hear),
    state: (state: object) => line.push([joinRef, null, 'room:lobby', 'presence_state', state]),
    diff: (joins: object, leaves: object = {}) =>
      line.push([null, null, 'room:lobby', 'presence_diff', { joins, leaves }]),
  }
}

const ann = (...refs: string[]) => ({ ann: { metas: refs.map((phx_ref) => ({ name: 'Ann', phx_ref })) } })
const bob = (...refs: string[]) => ({ bob: { metas: refs.map((phx_ref) => ({ name: 'Bob', phx_ref })) } })

test('the callback is called with the state, and then with each diff', () => {
  const { heard, follow, state, diff } = joined()
  follow()
  diff(ann('1'))
  state(ann('1'))
  diff({ ...ann('2'), ...bob('3') })
  diff({}, ann('1', '2'))
  expect(heard).toEqual([['Ann1'], ['Ann2', 'Bob1'], ['Bob1']])
})

test('following again discards diffs that came before their state, and reports each change once', () => {
  const { heard, follow, state, diff } = joined()
  follow()
  diff(bob('1'))

  follow()
  state(ann('2'))

  expect(heard).toEqual([['Ann1']])
})
