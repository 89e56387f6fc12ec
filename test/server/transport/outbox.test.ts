import { expect, test } from 'vitest'
import { type Flushable, Outbox } from '../../../server/transport/outbox.ts'
import { turn } from '../../helpers/deferred.ts'

const writer = (name: string, log: string[]): Flushable => ({ flush: () => void log.push(name) })

test('flushes every connection once, at the end of the turn, in the order they came', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  for (const name of ['a', 'b', 'c']) outbox.add(writer(name, log))
  await Promise.resolve()
  expect(log).toEqual([])
  await turn()
  expect(log).toEqual(['a', 'b', 'c'])
  await turn()
  expect(log).toHaveLength(3)
})

test('what is added by microtasks of the turn goes with it', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add(writer('a', log))
  await Promise.resolve().then(() => outbox.add(writer('b', log)))
  await turn()
  expect(log).toEqual(['a', 'b'])
})

test('what is added while it flushes goes with the next turn', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add({ flush: () => outbox.add(writer('later', log)) })
  await turn()
  expect(log).toEqual([])
  await turn()
  expect(log).toEqual(['later'])
})

test('can be flushed at once, and the turn then finds nothing left', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add(writer('a', log))
  outbox.flush()
  expect(log).toEqual(['a'])
  await turn()
  expect(log).toEqual(['a'])
})

test('each endpoint has its own', async () => {
  const [one, two, log] = [new Outbox(), new Outbox(), [] as string[]]
  one.add(writer('one', log))
  two.add(writer('two', log))
  one.flush()
  expect(log).toEqual(['one'])
  await turn()
  expect(log).toEqual(['one', 'two'])
})
