import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Mailbox } from '../../../server/channel/mailbox.ts'

test('returns items in the order in which they were added', () => {
  const mailbox = new Mailbox<string>()
  mailbox.push('a')
  mailbox.push('b')
  expect([mailbox.shift(), mailbox.shift(), mailbox.shift()]).toEqual(['a', 'b', undefined])
})

test('counts waiting items', () => {
  const mailbox = new Mailbox<string>()
  expect(mailbox.size).toBe(0)
  mailbox.push('a')
  mailbox.push('b')
  mailbox.shift()
  expect(mailbox.size).toBe(1)
})

test('can be filled again after it was emptied', () => {
  const mailbox = new Mailbox<number>()
  mailbox.push(1)
  mailbox.shift()
  mailbox.shift()
  mailbox.push(2)
  expect([mailbox.size, mailbox.shift(), mailbox.size]).toEqual([1, 2, 0])
})

test('behaves like an array for any mix of pushes and shifts', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: -90, max: -1 })))
  fc.assert(
    fc.property(steps, (counts) => {
      const mailbox = new Mailbox<number>()
      const model: number[] = []
      let pushed = 0
      for (const count of counts) {
        for (let n = 0; n < count; n++) {
          mailbox.push(++pushed)
          model.push(pushed)
        }
        for (let n = 0; n > count; n--) expect(mailbox.shift()).toBe(model.shift())
        expect(mailbox.size).toBe(model.length)
      }
    }),
  )
})
