import { describe, expect, it } from 'vitest'
import { isPast, readDiff } from '../../../server/redis/presence-diff.ts'

const read = (text: string) => readDiff(Buffer.from(text))

describe('readDiff', () => {
  it('reads joins and leaves between two versions', () => {
    expect(read('[4,5,{"n.1/F2":["änn",{"phx_ref":"F2"}]},["n.1/F1"]]')).toEqual({
      from: 4,
      to: 5,
      joins: [{ field: 'n.1/F2', incarnation: 'n.1', presence: { key: 'änn', meta: { phx_ref: 'F2' } } }],
      leaves: ['n.1/F1'],
    })
  })

  it('skips joins in another format, which a node of another version may write', () => {
    expect(read('[4,5,{"n.1/F2":["ann",{"phx_ref":"F9"}],"n.1/F3":7},[]]').joins).toEqual([])
  })

  it.each(['', '7', '{}', '[1]', '["1",2,{},[]]', '[1,2,null,[]]', '[1,2,{},{}]', '[1,2,{},[3]]'])(
    'throws at %s',
    (text) => {
      expect(() => read(text)).toThrow()
    },
  )
})

describe('isPast', () => {
  it.each([
    ['the next', 4, 5, 4, false],
    ['one that was read', 4, 5, 5, true],
    ['an older one', 2, 3, 5, true],
    ['one after a gap', 6, 7, 5, false],
    ['the first, for an empty topic', 0, 9, 0, false],
    ['the first, after it was read', 0, 9, 9, true],
    ['the first after a time without anybody', 0, 9, 5, false],
    ['the last leave', 5, 0, 5, false],
    ['an old last leave', 4, 0, 5, true],
    ['a last leave after a gap', 6, 0, 5, false],
    ['any, before anything was read', 4, 5, -1, false],
  ])('compares versions: %s', (_name, from, to, version, expected) => {
    expect(isPast({ from, to, joins: [], leaves: [] }, version)).toBe(expected)
  })
})
