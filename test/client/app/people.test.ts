import { expect, test } from 'vitest'
import { arrange, newsOf, type Person, personOf } from '../../../client/app/people.ts'

const person = (name: string, tabs = 1): Person => ({ client: `c-${name}`, name, tabs })
const people = (...names: string[]) => names.map((name) => person(name))

test('a presence is one person, with as many tabs as it has metas', () => {
  const metas = [
    { name: 'Ann', phx_ref: '1' },
    { name: 'Ann', phx_ref: '2' },
  ]
  expect(personOf('c1', { metas })).toEqual({ client: 'c1', name: 'Ann', tabs: 2 })
})

test('if a presence has two names, the latest one is shown', () => {
  const metas = [
    { name: 'Ann', phx_ref: '1' },
    { name: 'Annie', phx_ref: '2' },
  ]
  expect(personOf('c1', { metas }).name).toBe('Annie')
})

test('the user comes first, others are sorted by name, and persons with equal names stay separate', () => {
  const twin: Person = { client: 'c-other', name: 'Bob', tabs: 1 }
  const shown = arrange([person('Zoe'), twin, person('bea'), person('Bob'), person('Ärne')], 'c-Zoe')
  expect(shown.map(({ client }) => client)).toEqual(['c-Zoe', 'c-Ärne', 'c-bea', 'c-Bob', 'c-other'])
})

test.each([
  ['we are the first', [], people('Ann'), 'Nobody else is here'],
  ['there are others already', [], people('Ann', 'Bob'), '2 people are here'],
  ['somebody comes', people('Ann'), people('Ann', 'Bob'), 'Bob came'],
  ['somebody leaves', people('Ann', 'Bob'), people('Ann'), 'Bob left'],
  ['several come and go', people('Ann', 'Bob'), people('Ann', 'Cem', 'Dan'), '3 people are here'],
  ['all the others leave', people('Ann', 'Bob', 'Cem'), people('Ann'), 'Nobody else is here'],
  ['somebody opens another tab', people('Ann'), [person('Ann', 2)], null],
  ['nothing is known any more', people('Ann', 'Bob'), [], ''],
])('the text for screen readers when %s', (_when, before, after, news) => {
  expect(newsOf(before, after)).toBe(news)
})
