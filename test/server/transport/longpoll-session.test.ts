import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Frame, type Opcode } from '../../../protocol/index.ts'
import type { ClientFrame } from '../../../server/transport/longpoll-frames.ts'
import { LongPollSession } from '../../../server/transport/longpoll-session.ts'
import { Outbox } from '../../../server/transport/outbox.ts'
import type { ClosedReason, SocketHandler } from '../../../server/transport/transport.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const WINDOW = 1_000
const MAX = 100

/** What is above the connection: it writes down what it is given. */
class Recorder implements SocketHandler {
  readonly received: string[] = []
  readonly closings: ClosedReason[] = []
  onReceive: () => void = () => {}

  receive(data: string | Uint8Array, opcode: Opcode): void {
    this.received.push(`${opcode} ${Buffer.from(data).toString()}`)
    this.onReceive()
  }

  closed(reason: ClosedReason): void {
    this.closings.push(reason)
  }
}

function setUp() {
  useFakeTimers()
  const warnings: string[] = []
  const outbox = new Outbox()
  const sessions = new Map<string, LongPollSession>()
  const log = { warn: (_details: object, message: string) => void warnings.push(message) }
  const limits = { windowMs: WINDOW, maxBufferedBytes: MAX }
  const session = new LongPollSession('s1', { limits, outbox, sessions, log })
  const handler = new Recorder()
  session.attach(handler)
  return { session, handler, outbox, sessions, warnings }
}

const text = (data: string) => new Frame('text', data)
const clientFrame = (data: string): ClientFrame => ({ data: Buffer.from(data), opcode: 'text' })

test('what was sent before a poll is its answer, at once and in order', async () => {
  const { session } = setUp()
  session.send(text('a'))
  session.send(text('b'))
  expect(await session.poll().promise).toEqual(['a', 'b'])
})

test('what one turn sends to a poll that waits leaves together', async () => {
  const { session, outbox } = setUp()
  const poll = session.poll()
  session.send(text('a'))
  session.send(text('b'))
  expect(poll.isSettled).toBe(false)
  outbox.flush()
  expect(await poll.promise).toEqual(['a', 'b'])
})

test('a poll for which nothing comes has no messages, after the window', async () => {
  const { session } = setUp()
  const poll = session.poll()
  vi.advanceTimersByTime(WINDOW - 1)
  expect(poll.isSettled).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await poll.promise).toEqual([])
})

test('what comes after a poll has ended waits for the next', async () => {
  const { session, outbox } = setUp()
  session.poll()
  vi.advanceTimersByTime(WINDOW)
  session.send(text('a'))
  outbox.flush()
  expect(await session.poll().promise).toEqual(['a'])
})

test('the newer of two polls gets what comes, the older ends at once with nothing (LONGPOLL-5)', async () => {
  const { session, outbox } = setUp()
  const older = session.poll()
  const newer = session.poll()
  session.send(text('a'))
  outbox.flush()
  expect(await older.promise).toEqual([])
  expect(await newer.promise).toEqual(['a'])
})

test('an answer that was not written is given again, with what came since, in order', async () => {
  const { session } = setUp()
  session.send(text('a'))
  const lost = await session.poll().promise
  session.send(text('b'))
  const kept = await session.poll().promise
  expect(kept).toEqual(['a', 'b'])
  session.written(lost)
  expect(session.bufferedAmount).toBe(2)
  session.written(kept)
  expect(session.bufferedAmount).toBe(0)
})

test('an answer that was written is not given again', async () => {
  const { session, outbox } = setUp()
  session.send(text('a'))
  session.written(await session.poll().promise)
  const poll = session.poll()
  session.send(text('b'))
  outbox.flush()
  expect(await poll.promise).toEqual(['b'])
})

test('text that comes as bytes is sent as text', async () => {
  const { session } = setUp()
  session.send(new Frame('text', Buffer.from('["ü"]')))
  expect(await session.poll().promise).toEqual(['["ü"]'])
})

test('a binary frame is dropped, told to telemetry, and warned of once (LONGPOLL-9)', async () => {
  const { session, warnings } = setUp()
  const dropped: unknown[] = []
  const listen = (message: unknown) => void dropped.push(message)
  subscribe('phoenix.frame_dropped', listen)
  onTestFinished(() => void unsubscribe('phoenix.frame_dropped', listen))
  const frame = new Frame('binary', Buffer.from([1]))
  session.send(frame)
  session.send(frame)
  session.send(text('a'))
  expect(await session.poll().promise).toEqual(['a'])
  expect(dropped).toEqual([
    { session, frame },
    { session, frame },
  ])
  expect(warnings).toEqual(['a binary frame cannot travel by long-poll and was dropped'])
})

test("a client's frames are handed over in order", async () => {
  const { session, handler } = setUp()
  const bytes: ClientFrame = { data: Buffer.from('b'), opcode: 'binary' }
  expect(await session.deliver([clientFrame('a'), bytes, clientFrame('c')])).toBe(true)
  expect(handler.received).toEqual(['text a', 'binary b', 'text c'])
})

test('frames that end the session are not delivered', async () => {
  const { session, handler } = setUp()
  handler.onReceive = () => session.close()
  expect(await session.deliver([clientFrame('a')])).toBe(false)
})

test('while the session is paused nothing is handed over; then all is (LONGPOLL-7)', async () => {
  const { session, handler } = setUp()
  session.pause()
  const delivered = [session.deliver([clientFrame('a')]), session.deliver([clientFrame('b')])]
  await vi.advanceTimersByTimeAsync(WINDOW - 1)
  expect(handler.received).toEqual([])
  session.resume()
  expect(await Promise.all(delivered)).toEqual([true, true])
  expect(handler.received).toEqual(['text a', 'text b'])
})

test('frames that pause the session are acknowledged when it resumes, others wait for it', async () => {
  const { session, handler } = setUp()
  handler.onReceive = () => session.pause()
  const first = session.deliver([clientFrame('a')])
  const second = session.deliver([clientFrame('b')])
  await vi.advanceTimersByTimeAsync(1)
  expect(handler.received).toEqual(['text a'])
  session.resume()
  expect(await first).toBe(true)
  await vi.advanceTimersByTimeAsync(1)
  expect(handler.received).toEqual(['text a', 'text b'])
  session.resume()
  expect(await second).toBe(true)
})

test('a paused session keeps a POST no longer than the window, before and after its frames together', async () => {
  const { session, handler } = setUp()
  handler.onReceive = () => session.pause()
  session.pause()
  const delivered = session.deliver([clientFrame('a')])
  await vi.advanceTimersByTimeAsync(WINDOW - 1)
  session.resume()
  await vi.advanceTimersByTimeAsync(1)
  expect(handler.received).toEqual(['text a'])
  expect(await delivered).toBe(false)
})

test('a session that closes answers its poll with what was sent before, and lets go of its POSTs', async () => {
  const { session, sessions } = setUp()
  const poll = session.poll()
  session.pause()
  const delivered = session.deliver([clientFrame('a')])
  session.send(text('a'))
  session.close()
  session.send(text('too late'))
  expect(await poll.promise).toEqual(['a'])
  expect(await delivered).toBe(false)
  expect(sessions.size).toBe(0)
  expect(session.bufferedAmount).toBe(1)
})

test('a poll of a session that closes has no messages when there are none', async () => {
  const { session } = setUp()
  const poll = session.poll()
  session.close()
  session.close()
  expect(await poll.promise).toEqual([])
})

test('a session is alive for one and a half windows after its last poll began (LONGPOLL-8)', () => {
  const { session, handler, sessions } = setUp()
  vi.advanceTimersByTime(WINDOW)
  session.poll()
  vi.advanceTimersByTime(1.5 * WINDOW - 1)
  session.sweep(performance.now())
  expect(handler.closings).toEqual([])
  vi.advanceTimersByTime(1)
  session.sweep(performance.now())
  expect(handler.closings).toEqual(['inactive'])
  expect(sessions.size).toBe(0)
})

test('POSTs do not keep a session alive', async () => {
  const { session, handler } = setUp()
  vi.advanceTimersByTime(WINDOW)
  await session.deliver([clientFrame('a')])
  vi.advanceTimersByTime(WINDOW / 2)
  session.sweep(performance.now())
  expect(handler.closings).toEqual(['inactive'])
})

test('a client that does not fetch what is sent to it loses its session (CLOSE-3)', () => {
  const { session, handler } = setUp()
  session.send(text('x'.repeat(60)))
  session.send(text('x'.repeat(40)))
  expect(session.bufferedAmount).toBe(MAX)
  session.send(text('x'))
  expect(handler.closings).toEqual(['closed'])
  expect(session.bufferedAmount).toBe(0)
})

test('what was answered but not written counts as waiting', async () => {
  const { session, handler } = setUp()
  session.send(text('x'.repeat(60)))
  const messages = await session.poll().promise
  session.send(text('x'.repeat(40)))
  session.written(messages)
  session.send(text('x'.repeat(60)))
  expect(handler.closings).toEqual([])
  session.send(text('x'))
  expect(handler.closings).toEqual(['closed'])
})
