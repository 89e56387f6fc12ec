import { expect, test } from 'vitest'
import { type Flushable, Outbox } from '../../../server/transport/outbox.ts'
import { turn } from '../../helpers/deferred.ts'

const writer = (name: string, log: string[]): Flushable => ({ flush: () => void log.push(name) })

test('flushes every connection once, at the end of the turn, in the order in which they were added', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  for (const name of ['a', 'b', 'c']) outbox.add(writer(name, log))
  await Promise.resolve()
  expect(log).toEqual([])
  await turn()
  expect(log).toEqual(['a', 'b', 'c'])
  await turn()
  expect(log).toHaveLength(3)
})

test('frames added by microtasks of the turn are flushed with it', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add(writer('a', log))
  await Promise.resolve().then(() => outbox.add(writer('b', log)))
  await turn()
  expect(log).toEqual(['a', 'b'])
})

test('frames added during a flush are flushed in the next turn', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add({ flush: () => outbox.add(writer('later', log)) })
  await turn()
  expect(log).toEqual([])
  await turn()
  expect(log).toEqual(['later'])
})

test('can be flushed at once, and then nothing is left for the end of the turn', async () => {
  const [outbox, log] = [new Outbox(), [] as string[]]
  outbox.add(writer('a', log))
  outbox.flush()
  expect(log).toEqual(['a'])
  await turn()
  expect(log).toEqual(['a'])
})

test('each endpoint has its own outbox', async () => {
  const [one, two, log] = [new Outbox(), new Outbox(), [] as string[]]
  one.add(writer('one', log))
  two.add(writer('two', log))
  one.flush()
  expect(log).toEqual(['one'])
  await turn()
  expect(log).toEqual(['one', 'two'])
})
