import { Type } from 'typebox'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ReplyError, typed } from '../../client/typed.ts'
import { defineContract } from '../../protocol/index.ts'
import { MemoryLine } from '../helpers/memory-line.ts'

const Room = defineContract({
  topic: 'room:*',
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.Number() }) },
    typing: { payload: Type.Object({}) },
  },
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
})

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

test('join promises the reply', async () => {
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
  expect(error).toMatchObject({ status: 'error', response: { reason: 'unauthorized' } })
})

test('push promises the reply of an event that declares one', async () => {
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
    message: 'new_msg was answered with an error',
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
    message: 'new_msg was not answered in time',
    status: 'timeout',
  })
  await vi.advanceTimersByTimeAsync(10_000)
  await rejected
})

test('push of an event without a reply promises nothing, so nothing can be left unhandled', async () => {
  const { line, room } = await joinedRoom()
  expect(room.push('typing', {})).toBeUndefined()
  line.reply('error', { reason: 'invalid payload' })
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

test('leave settles when the server answers', async () => {
  const { line, room } = await joinedRoom()
  const leaving = room.leave()
  expect(line.last[3]).toBe('phx_leave')
  line.reply('ok', {})
  await leaving
  expect(room.channel.state).toBe('closed')
})

test('leave settles when the server does not answer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { room } = await joinedRoom()
  const leaving = room.leave()
  await vi.advanceTimersByTimeAsync(10_000)
  await leaving
  expect(room.channel.state).toBe('closed')
})
