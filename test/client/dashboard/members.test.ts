import { expect, test } from 'vitest'
import { describeMembers } from '../../../client/dashboard/members.ts'

const room = { topic: 'room:den', members: [], present: 0, count: 0 }
const ann = { name: 'Ann', connections: 1 }
const bob = { name: 'Bob', connections: 3 }

test.each([
  ['nobody', room],
  ['⁨Ann⁩, ⁨Bob⁩ ×3', { ...room, members: [ann, bob], present: 2, count: 4 }],
  ['⁨Ann⁩, 1 without presence', { ...room, members: [ann], present: 1, count: 2 }],
  ['2 without presence', { ...room, count: 2 }],
  ['⁨Ann⁩, 30 more', { ...room, members: [ann], present: 31, count: 35 }],
])('%s', (text, given) => {
  expect(describeMembers(given)).toBe(text)
})
