import { expect, test } from 'vitest'
import { describeMembers } from '../../../client/dashboard/members.ts'

const room = { room: 'den', members: [], guests: 0, count: 0 }
const ann = { name: 'Ann', connections: 1 }
const bob = { name: 'Bob', connections: 3 }

test.each([
  ['nobody', room],
  ['⁨Ann⁩, ⁨Bob⁩ ×3', { ...room, members: [ann, bob], count: 2 }],
  ['⁨Ann⁩, 1 guest', { ...room, members: [ann], guests: 1, count: 2 }],
  ['2 guests', { ...room, guests: 2, count: 2 }],
  ['⁨Ann⁩, 30 more, 4 guests', { ...room, members: [ann], guests: 4, count: 35 }],
])('%s', (text, given) => {
  expect(describeMembers(given)).toBe(text)
})
