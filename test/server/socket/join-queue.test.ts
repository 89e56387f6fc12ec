import { expect, test } from 'vitest'
import { Frame, Message } from '../../../protocol/index.ts'
import type { Channel } from '../../../server/channel/channel.ts'
import type { Route } from '../../../server/socket/define-socket.ts'
import { JoinQueue, PendingJoin } from '../../../server/socket/join-queue.ts'

// The queue tells channels apart and asks nothing of them.
const channel = (name: string) => ({ name }) as unknown as Channel
const message = new Message('1', '1', 'room:a', 'phx_join', {})
const join = (of: Channel) => new PendingJoin(of, message, route)
const route = { assigns: null } as Route
const reply = new Frame('text', 'reply')

test('a new join is pending and nothing waits behind it', () => {
  const a = join(channel('a'))
  expect([a.reply, a.isOk, a.waiting, a.replaced, a.isHeld]).toEqual([null, false, [], null, false])
})

test('finds the pending join of a channel, and of no other', () => {
  const queue = new JoinQueue()
  const [a, b] = [channel('a'), channel('b')]
  const pending = join(a)
  queue.add(pending)
  expect(queue.find(a)).toBe(pending)
  expect(queue.find(b)).toBeUndefined()
})

test('releases joins in the order of the requests, in whatever order they are decided (ORDER-3)', () => {
  const queue = new JoinQueue()
  const joins = ['a', 'b', 'c'].map((name) => join(channel(name)))
  const [first, second, third] = joins
  for (const join of joins) queue.add(join)
  Object.assign(second as PendingJoin, { reply })
  expect(queue.takeDecided()).toBeUndefined()
  Object.assign(first as PendingJoin, { reply })
  expect([queue.takeDecided(), queue.takeDecided(), queue.takeDecided()]).toEqual([first, second, undefined])
  expect(queue.isEmpty).toBe(false)
  Object.assign(third as PendingJoin, { reply })
  expect(queue.takeDecided()).toBe(third)
  expect(queue.isEmpty).toBe(true)
  expect(queue.takeDecided()).toBeUndefined()
})
