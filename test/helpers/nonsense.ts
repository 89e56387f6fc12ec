import { Type } from 'typebox'

/** Fifty kinds of values that no function of the package was made for, by what they are. */
export function nonsense(): [string, unknown][] {
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  return [
    ['undefined', undefined],
    ['null', null],
    ['true', true],
    ['false', false],
    ['zero', 0],
    ['a negative number', -1],
    ['a fraction', 0.5],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 7n],
    ['a symbol', Symbol('s')],
    ['an empty string', ''],
    ['a string', 'nonsense'],
    ['a topic pattern with a star inside', 'a*b'],
    ['a long string', 'x'.repeat(10_000)],
    ['half of a surrogate pair', '\ud800'],
    ['an array', []],
    ['an array of nothing', [undefined]],
    ['an array of arrays', [[[]]]],
    ['an empty object', {}],
    ['an object with an unknown key', { incomming: {} }],
    ['an object without a prototype', Object.assign(Object.create(null), { odd: 1 })],
    ['an object whose prototype has a key', Object.create({ topic: 'room:*' })],
    ['a cyclic object', cyclic],
    ['an object that throws when it is read', new Proxy({}, { get: refuse, ownKeys: refuse, has: refuse })],
    ['a getter that throws', Object.defineProperty({}, 'topic', { get: refuse, enumerable: true })],
    ['a revoked proxy', revoked.proxy],
    ['a toString that throws', { toString: refuse, valueOf: refuse }],
    ['a function', () => undefined],
    ['an async function', async () => undefined],
    ['a class', class Nonsense {}],
    ['an object of a class', new (class Nonsense {})()],
    ['a date', new Date(0)],
    ['an invalid date', new Date(Number.NaN)],
    ['a regular expression', /x/],
    ['a map', new Map([['topic', 'room:*']])],
    ['a set', new Set([1])],
    ['a promise', Promise.resolve({})],
    ['an error', new Error('nonsense')],
    ['bytes', new Uint8Array(3)],
    ['a buffer', Buffer.from('x')],
    ['an array buffer', new ArrayBuffer(2)],
    ['a URL', new URL('redis://127.0.0.1')],
    ['a string object', new String('room:*')],
    ['a TypeBox schema', Type.Object({ body: Type.String() })],
    ['a JSON Schema with a misspelt type', { type: 'strnig' }],
    ['a zod schema', { _zod: {}, _def: {}, '~standard': { vendor: 'zod', version: 1 } }],
    ['an arktype schema', Object.assign(() => undefined, { '~standard': { vendor: 'arktype' } })],
    ['contract-like', { topic: 'room:*', incoming: { say: Type.Object({}) } }],
    ['worker-like', { name: 'w', init: 'x' }],
    ['socket-like', { connect: 'x', longPoll: true }],
  ]
}

function refuse(): never {
  throw new Error('this value cannot be read')
}
