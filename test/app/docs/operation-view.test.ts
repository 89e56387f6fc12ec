import { expect, test } from 'vitest'
import { idOf, nameOf, operationView } from '../../../server/app/docs/operation-view.ts'

const located = {
  method: 'post',
  path: '/rooms/{room}/messages',
  operation: {
    summary: 'Say',
    description: 'To all.',
    parameters: [{ name: 'room', in: 'path', description: 'Which', schema: { type: 'string' } }],
    requestBody: { content: { 'application/json': { schema: { type: 'integer' } } } },
    responses: {
      202: { description: 'Default Response', content: { 'application/json': { schema: { const: true } } } },
      400: {
        description: 'invalid_request',
        content: { 'application/problem+json': { schema: { $ref: '#/Problem' } } },
      },
      204: { description: 'Nothing' },
    },
  },
}

test('shows what it takes and what it answers', () => {
  const seen = operationView(located)
    .text.replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  expect(seen).toBe(
    'POST /rooms/{room}/messages Say To all. In its path: room string: Which Body integer ' +
      'Answers 202 true 204 Nothing: 400 invalid_request: Problem',
  )
})

test('has a name, and an id that is one', () => {
  expect([nameOf(located), idOf(located)]).toEqual([
    'POST /rooms/{room}/messages',
    'post-rooms-room-messages',
  ])
})
