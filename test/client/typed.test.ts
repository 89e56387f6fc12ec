import { Type } from 'typebox'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ReplyError, typed } from '../../client/typed.ts'
import { defineContract } from '../../protocol/index.ts'
import { MemoryLine } from '../helpers/memory-line.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.Integer() }),
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.Number() }) },
    typing: { payload: Type.Object({}) },
  },
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
})

const Bare = defineContract({ topic: 'bare' })

function openRoom() {
  const line = new MemoryLine()
  line.open()
  return { line, room: typed(Room, line.socket.channel('room:lobby', {})) }
}

async function joinedRoom() {
  const { line, room } = openRoom()
  const joining = room.join()
  line.reply('ok', { history: [] })
  await joining
  return { line, room }
}

test('join resolves with the reply', async () => {
  const { line, room } = openRoom()
  const joining = room.join()
  line.reply('ok', { history: ['hello'] })
  await expect(joining).resolves.toEqual({ history: ['hello'] })
})

test('a refused join rejects with the status and the response', async () => {
  const { line, room } = openRoom()
  const joining = room.join()
  line.reply('error', { reason: 'unauthorized' })

  const error: unknown = await joining.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ReplyError)
  expect(error).toMatchObject({
    code: 'PHX_ERR_REPLY',
    status: 'error',
    response: { reason: 'unauthorized' },
  })
})

test('push resolves with the reply if the event declares one', async () => {
  const { line, room } = await joinedRoom()
  const reply = room.push('new_msg', { body: 'hi' })
  expect(line.last.slice(2)).toEqual(['room:lobby', 'new_msg', { body: 'hi' }])
  line.reply('ok', { id: 7 })
  await expect(reply).resolves.toEqual({ id: 7 })
})

test('push rejects when the reply is an error', async () => {
  const { line, room } = await joinedRoom()
  const reply = room.push('new_msg', { body: 'hi' })
  line.reply('error', { reason: 'muted' })
  await expect(reply).rejects.toMatchObject({
    message: '"new_msg" was answered with an error: muted',
    status: 'error',
    response: { reason: 'muted' },
  })
})

test('push rejects when no reply comes within the timeout of phoenix.js', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { room } = await joinedRoom()
  const reply = room.push('new_msg', { body: 'hi' })
  const rejected = expect(reply).rejects.toMatchObject({
    message: '"new_msg" timed out',
    status: 'timeout',
  })
  await vi.advanceTimersByTimeAsync(10_000)
  await rejected
})

test('push of an event without a reply rejects if the server refuses it', async () => {
  const { line, room } = await joinedRoom()
  const typing = room.push('typing', {})
  line.reply('error', { reason: 'invalid payload' })
  await expect(typing).rejects.toMatchObject({ status: 'error', response: { reason: 'invalid payload' } })
})

test('a refusal that nobody awaits is not an unhandled rejection', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  onTestFinished(() => void process.off('unhandledRejection', unhandled))
  const { line, room } = await joinedRoom()
  void room.push('typing', {})
  line.reply('error', { reason: 'invalid payload' })
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).not.toHaveBeenCalled()
})

test('push of an event without a reply resolves after a second without a refusal, and then holds no timer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { room } = await joinedRoom()
  const timers = vi.getTimerCount()
  const typing = room.push('typing', {})
  await vi.advanceTimersByTimeAsync(1_000)
  await expect(typing).resolves.toBeUndefined()
  expect(vi.getTimerCount()).toBe(timers)
})

test('push of an event without a reply that waits for the join has the timeout of phoenix.js', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { line, room } = openRoom()
  const joining = room.join()
  const joinFrame = line.last
  const early = room.push('typing', {})
  await vi.advanceTimersByTimeAsync(5_000)
  line.reply('ok', { history: [] }, joinFrame)
  await joining
  expect(line.last[3]).toBe('typing')
  line.reply('error', { reason: 'rate_limited' })
  await expect(early).rejects.toMatchObject({ response: { reason: 'rate_limited' } })
})

test('push of an event without a reply rejects when it could not be sent in time', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { line, room } = openRoom()
  room.join().catch(() => undefined)
  const rejected = expect(room.push('typing', {})).rejects.toMatchObject({ status: 'timeout' })
  line.drop()
  await vi.advanceTimersByTimeAsync(10_000)
  await rejected
})

test('onJoin calls back at the first join and at every rejoin, until it is unsubscribed', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { line, room } = openRoom()
  const histories: string[][] = []
  const others: string[][] = []
  const off = room.onJoin(({ history }) => histories.push(history))
  room.onJoin(({ history }) => others.push(history))
  const joining = room.join()
  line.reply('ok', { history: ['one'] })
  await expect(joining).resolves.toEqual({ history: ['one'] })

  await rejoin(line, ['one', 'two'])
  off()
  await rejoin(line, ['three'])

  expect(histories).toEqual([['one'], ['one', 'two']])
  expect(others).toEqual([['one'], ['one', 'two'], ['three']])
})

/** The channel crashes, and is joined again. */
async function rejoin(line: MemoryLine, history: string[]): Promise<void> {
  line.push([line.last[0], null, 'room:lobby', 'phx_error', {}])
  await vi.advanceTimersByTimeAsync(1_000)
  const join = line.sent.filter(([, , , event]) => event === 'phx_join').at(-1)
  line.reply('ok', { history }, join)
}

test('creates the channel from a socket, a topic and params', async () => {
  const line = new MemoryLine()
  line.open()
  const room = typed(Room, line.socket, 'room:lobby', { since: 7 })
  void room.join().catch(() => undefined)
  expect(line.last.slice(2)).toEqual(['room:lobby', 'phx_join', { since: 7 }])
  void typed(Bare, line.socket, 'bare')
    .join()
    .catch(() => undefined)
  expect(line.last.slice(2)).toEqual(['bare', 'phx_join', {}])
})

test('a params function is called at every join', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const line = new MemoryLine()
  line.open()
  let since = 0
  const room = typed(Room, line.socket, 'room:lobby', () => ({ since }))
  room.onJoin(({ history }) => {
    since += history.length
  })
  void room.join().catch(() => undefined)
  line.reply('ok', { history: ['one', 'two'] })
  await rejoin(line, [])
  const joins = line.sent.filter(([, , , event]) => event === 'phx_join').map(([, , , , params]) => params)
  expect(joins).toEqual([{ since: 0 }, { since: 2 }])
})

test('a topic that the contract does not match is refused, and so is a value that is not a channel', () => {
  const { socket } = new MemoryLine()
  const topic = `typed: the topic must be a string that matches the contract's topic "room:*"`
  expect(() => typed(Room, socket, 'office:1' as 'room:1', { since: 0 })).toThrow(`${topic} (got "office:1")`)
  expect(() => typed(Room, socket as never)).toThrow(topic)
  expect(() => typed(Room, {} as never)).toThrow(expect.objectContaining({ code: 'PHX_ERR_OPTION' }))
  const channel = 'typed: the second argument must be a Socket or a channel of phoenix.js'
  expect(() => typed(Room, {} as never)).toThrow(channel)
  expect(() => typed(Room, undefined as never)).toThrow(channel)
  expect(() => typed(Room, 'room:lobby' as never, socket as never, { since: 0 })).toThrow(
    'typed: if there is a third argument, the second argument must be a Socket of phoenix.js (got "room:lobby")',
  )
})

test('a channel whose topic the contract does not match is refused', () => {
  const { socket } = new MemoryLine()
  expect(() => typed(Room, socket.channel('office:1', {}))).toThrow(
    `typed: the topic of the channel must be a string that matches the contract's topic "room:*" (got "office:1")`,
  )
})

test('on requires a callback', async () => {
  const { room } = await joinedRoom()
  expect(() => room.on('new_msg', undefined as never)).toThrow(
    expect.objectContaining({
      code: 'PHX_ERR_OPTION',
      message: 'on: the second argument must be a function (got undefined)',
    }),
  )
})

test('its functions work without `this`', async () => {
  const { line, room } = openRoom()
  const { join, push } = room
  const joining = join()
  line.reply('ok', { history: [] })
  await joining
  void push('typing', {})
  expect(line.last[3]).toBe('typing')
})

test('on calls back at each event until it is unsubscribed', async () => {
  const { line, room } = await joinedRoom()
  const bodies: string[] = []
  const off = room.on('new_msg', ({ body }) => bodies.push(body))
  const others: string[] = []
  room.on('new_msg', ({ body }) => others.push(body))

  line.push([null, null, 'room:lobby', 'new_msg', { body: 'one' }])
  off()
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'two' }])

  expect({ bodies, others }).toEqual({ bodies: ['one'], others: ['one', 'two'] })
})

test('leave settles when the server replies', async () => {
  const { line, room } = await joinedRoom()
  const leaving = room.leave()
  expect(line.last[3]).toBe('phx_leave')
  line.reply('ok', {})
  await leaving
  expect(room.channel.state).toBe('closed')
})

test('leave settles if the server does not reply', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { room } = await joinedRoom()
  const leaving = room.leave()
  await vi.advanceTimersByTimeAsync(10_000)
  await leaving
  expect(room.channel.state).toBe('closed')
})
