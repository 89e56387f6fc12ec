import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { type Schema, schemaView } from '../../../server/app/docs/schema-view.ts'

/** What a reader sees of a schema, each property in brackets. */
function read(schema: object): string {
  const { text } = schemaView(JSON.parse(JSON.stringify(schema)) as Schema)
  const marked = text.replace(/<li>/g, '[').replace(/<\/li>/g, ']')
  return marked
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([[\]]) ?/g, '$1')
    .trim()
}

test.each<[object, string]>([
  [{}, 'any value'],
  [Type.String(), 'string'],
  [Type.String({ description: 'A name', pattern: '^a$' }), 'string, which fits ^a$: A name'],
  [Type.Literal('on'), '&quot;on&quot;'],
  [Type.Enum(['a', 'b']), '&quot;a&quot; or &quot;b&quot;'],
  [Type.Union([Type.String(), Type.Null()]), 'string or null'],
  [{ type: ['string', 'null'] }, 'string or null'],
  [Type.Array(Type.Array(Type.Integer())), 'array of array of integer'],
  [{ type: 'object', additionalProperties: Type.Integer() }, 'object whose values are each: integer'],
  [Type.Object({}), 'object'],
  [
    Type.Object({ a: Type.String(), b: Type.Optional(Type.Integer({ description: 'How many' })) }),
    'object[a string][b integer: How many (optional)]',
  ],
  [Type.Array(Type.Object({ a: Type.String() })), 'array of object[a string]'],
  [Type.Object({ a: Type.Object({ b: Type.Null() }) }), 'object[a object[b null]]'],
  [
    Type.Intersect([Type.Object({ a: Type.Null() }), Type.Object({ b: Type.Null() })]),
    'object[a null][b null]',
  ],
  [
    { type: 'object', additionalProperties: Type.Object({ a: Type.Null() }) },
    'object whose values are each: object[a null]',
  ],
])('%j is read as %s', (schema, seen) => {
  expect(read(schema)).toBe(seen)
})

test('a shared schema is a link', () => {
  expect(schemaView({ $ref: '#/components/schemas/Problem' }).text).toBe(
    '<a href="#schema-Problem">Problem</a>',
  )
})

test('names and descriptions are text', () => {
  expect(schemaView({ type: 'object', properties: { '<b>': { description: '<i>' } } }).text).not.toMatch(
    /<[bi]>/,
  )
})
