import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { Binary, defineContract } from '../../../protocol/index.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.String() }),
  incoming: { new_msg: { payload: Type.Object({ body: Type.String() }) }, upload: { payload: Binary } },
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
})
const join = () => ({ ok: {} })
const handleIn = { new_msg() {}, upload() {} }

/** Define a channel with a definition that only plain JavaScript could pass. */
const define = (definition: unknown) => () => defineChannel(Room, definition as never)

describe('defineChannel', () => {
  test('returns frozen data', () => {
    const channel = defineChannel(Room, { join, handleIn })
    expect(Object.isFrozen(channel)).toBe(true)
    expect(channel.contract).toBe(Room)
    expect(channel.pattern.prefix).toBe('room:')
  })

  test('adds a check to each handler of a client event', () => {
    const { handleIn: table } = defineChannel(Room, { join, handleIn })
    expect([...table.keys()]).toEqual(['new_msg', 'upload'])
    expect(table.get('new_msg')?.handle).toBe(handleIn.new_msg)
    expect(table.get('new_msg')?.check?.({ body: 'hi' })).toBeNull()
    expect(table.get('new_msg')?.check?.({ body: 1 })).toEqual([{ path: '/body', message: 'must be string' }])
    expect(table.get('upload')?.check?.({})).toEqual([{ path: '', message: 'must be bytes' }])
  })

  test('checks the join params', () => {
    const { checkParams } = defineChannel(Room, { join, handleIn })
    expect(checkParams?.({ since: 'm1' })).toBeNull()
    expect(checkParams?.({})).toHaveLength(1)
  })

  test('ignores properties that every object inherits', () => {
    const { handleIn: table, handleOut, handleInfo } = defineChannel(Room, { join, handleIn })
    for (const word of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect([table.has(word), handleOut.has(word), handleInfo.has(word)]).toEqual([false, false, false])
    }
  })

  test('allows an event with the name of an object method', () => {
    const contract = defineContract({ topic: 'odd', incoming: { constructor: { payload: Type.Object({}) } } })
    const channel = defineChannel(contract, { join, handleIn: { constructor() {} } })
    expect(channel.handleIn.has('constructor')).toBe(true)
  })

  test('works without assigns, terminate and tables of handlers', () => {
    const channel = defineChannel(defineContract({ topic: 'bare' }), { join })
    expect([channel.assigns, channel.terminate, channel.checkParams]).toEqual([null, null, null])
    expect([channel.handleIn.size, channel.handleOut.size, channel.handleInfo.size]).toEqual([0, 0, 0])
  })

  test('names the missing argument if it is given the callbacks alone', () => {
    expect(() => defineChannel({ topic: 'bare', join } as never, undefined as never)).toThrow(
      'defineChannel(contract, definition): the definition must be an object with `join` and the handlers',
    )
  })

  test.each([
    [{ handleIn }, 'channel "room:*": `join` must be a function (got undefined)'],
    [{ join: {}, handleIn }, '`join` must be a function (got an empty object)'],
    [{ join: class Join {}, handleIn }, '`join` must be a function (got the class Join)'],
    [
      { join },
      '`handleIn` is missing; it must be an object with a handler for each of these events: new_msg, upload',
    ],
    [{ join, handleIn: { new_msg() {} } }, '`handleIn.upload` must be a function (got undefined)'],
    [
      { join, handleIn: { ...handleIn, typing() {} } },
      '`handleIn` has an unknown key "typing". Valid keys: ',
    ],
    [{ join, handleIn: { ...handleIn, toString() {} } }, '`handleIn` has an unknown key "toString"'],
    [{ join, handleIn: { ...handleIn, upload: 1 } }, '`handleIn.upload` must be a function (got 1)'],
    [{ join, handleIn, handleOut: { new_msg: null } }, '`handleOut.new_msg` must be a function (got null)'],
    [{ join, handleIn, handleInfo: { tick: 'x' } }, '`handleInfo.tick` must be a function (got "x")'],
    [{ join, handleIn, assigns: {} }, '`assigns` must be a function (got an empty object)'],
    [{ join, handleIn, terminate: true }, '`terminate` must be a function (got true)'],
    [{ join, handleIn, handleInfos: {} }, 'has an unknown key "handleInfos" (did you mean "handleInfo"?)'],
  ])('refuses an invalid definition with a message: %#', (definition, message) => {
    expect(define(definition)).toThrow(UsageError)
    expect(define(definition)).toThrow(message)
  })
})

describe('defineUntypedChannel', () => {
  test('accepts any events and checks nothing', () => {
    const channel = defineUntypedChannel('room:*', { join, handleIn: { anything() {} } })
    expect(channel.contract).toEqual({ topic: 'room:*' })
    expect(channel.checkParams).toBeNull()
    expect(channel.handleIn.get('anything')?.check).toBeNull()
  })

  test.each(['', 'a*b', '**'])('refuses the topic pattern %j', (topic) => {
    expect(() => defineUntypedChannel(topic, { join })).toThrow(UsageError)
  })
})
