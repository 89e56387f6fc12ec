import { expect, test, vi } from 'vitest'
import { Frame, type Opcode } from '../../../protocol/index.ts'
import type { ClosedReason, SocketHandler } from '../../../server/channel/transport.ts'
import type { ClientFrame } from '../../../server/transport/longpoll-frames.ts'
import { LongPollSession } from '../../../server/transport/longpoll-session.ts'
import { Outbox } from '../../../server/transport/outbox.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const WINDOW = 1_000
const MAX = 100

/** Handler above the connection, which records its calls. */
class Recorder implements SocketHandler {
  readonly received: string[] = []
  readonly closings: ClosedReason[] = []
  onReceive: () => void = () => {}

  receive(data: string | Uint8Array, opcode: Opcode): void {
    this.received.push(`${opcode} ${Buffer.from(data).toString()}`)
    this.onReceive()
  }

  pinged(): void {}

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
  const limits = { windowMs: WINDOW, maxFrameSize: MAX, maxBufferedBytes: MAX }
  const session = new LongPollSession('s1', { limits, outbox, sessions, log })
  const handler = new Recorder()
  session.attach(handler)
  return { session, handler, outbox, sessions, warnings }
}

/** A poll, and whether it is answered. */
function poll(session: LongPollSession, { received = 0, isForwarded = false } = {}) {
  const hungUp = new AbortController()
  const polled = {
    isAnswered: false,
    hangUp: () => hungUp.abort(),
    batch: session.poll({ received, signal: hungUp.signal }, isForwarded),
    async messages() {
      return (await polled.batch).messages
    },
  }
  void polled.batch.then(() => {
    polled.isAnswered = true
  })
  return polled
}

const text = (data: string) => new Frame('text', data)
const clientFrame = (data: string): ClientFrame => ({ data: Buffer.from(data), opcode: 'text' })

test('a poll gets earlier frames at once and in order', async () => {
  const { session } = setUp()
  session.send(text('a'))
  session.send(text('b'))
  expect(await poll(session).messages()).toEqual(['a', 'b'])
})

test('a waiting poll gets all frames that one turn sends', async () => {
  const { session, outbox } = setUp()
  const polled = poll(session)
  session.send(text('a'))
  session.send(text('b'))
  await Promise.resolve()
  expect(polled.isAnswered).toBe(false)
  outbox.flush()
  expect(await polled.messages()).toEqual(['a', 'b'])
})

test('a poll without messages ends after the window', async () => {
  const { session } = setUp()
  const polled = poll(session)
  await vi.advanceTimersByTimeAsync(WINDOW - 1)
  expect(polled.isAnswered).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await polled.messages()).toEqual([])
})

test('frames that are sent after a poll has ended wait for the next poll', async () => {
  const { session, outbox } = setUp()
  poll(session)
  vi.advanceTimersByTime(WINDOW)
  session.send(text('a'))
  outbox.flush()
  expect(await poll(session).messages()).toEqual(['a'])
})

test('the newer of two polls gets the frames, the older ends at once without any (LONGPOLL-5)', async () => {
  const { session, outbox } = setUp()
  const older = poll(session)
  const newer = poll(session)
  session.send(text('a'))
  outbox.flush()
  expect(await older.messages()).toEqual([])
  expect(await newer.messages()).toEqual(['a'])
})

test('a response that was not written is sent again, with later frames, in order', async () => {
  const { session } = setUp()
  session.send(text('a'))
  const lost = await poll(session).batch
  session.send(text('b'))
  const kept = await poll(session).batch
  expect(kept.messages).toEqual(['a', 'b'])
  session.written(lost)
  expect(session.bufferedAmount).toBe(2)
  session.written(kept)
  expect(session.bufferedAmount).toBe(0)
})

test('a response that was written is not sent again', async () => {
  const { session, outbox } = setUp()
  session.send(text('a'))
  session.written(await poll(session).batch)
  const polled = poll(session)
  session.send(text('b'))
  outbox.flush()
  expect(await polled.messages()).toEqual(['b'])
})

test('text that is given as bytes is sent as text', async () => {
  const { session } = setUp()
  session.send(new Frame('text', Buffer.from('["ü"]')))
  expect(await poll(session).messages()).toEqual(['["ü"]'])
})

test('a binary frame is dropped, and a warning is logged once (LONGPOLL-9)', async () => {
  const { session, warnings } = setUp()
  const frame = new Frame('binary', Buffer.from([1]))
  session.send(frame)
  session.send(frame)
  session.send(text('a'))
  expect(await poll(session).messages()).toEqual(['a'])
  expect(warnings).toEqual(['binary frame dropped: long-poll sends only text to clients'])
})

test("a client's frames are passed on in order", async () => {
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

test('while the session is paused no frames are passed on, and afterwards all are (LONGPOLL-7)', async () => {
  const { session, handler } = setUp()
  session.pause()
  const delivered = [session.deliver([clientFrame('a')]), session.deliver([clientFrame('b')])]
  await vi.advanceTimersByTimeAsync(WINDOW - 1)
  expect(handler.received).toEqual([])
  session.resume()
  expect(await Promise.all(delivered)).toEqual([true, true])
  expect(handler.received).toEqual(['text a', 'text b'])
})

test('frames that pause the session are acknowledged when it resumes, and others wait for that', async () => {
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

test('a paused session keeps a POST at most for one window, including the time before its frames', async () => {
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

test('a session that closes answers its poll with earlier frames, and ends its POSTs', async () => {
  const { session, sessions } = setUp()
  const polled = poll(session)
  session.pause()
  const delivered = session.deliver([clientFrame('a')])
  session.send(text('a'))
  session.close()
  session.send(text('too late'))
  expect(await polled.messages()).toEqual(['a'])
  expect(await delivered).toBe(false)
  expect(sessions.size).toBe(0)
  expect(session.bufferedAmount).toBe(1)
})

test('if there are no messages, the poll of a session that closes gets none', async () => {
  const { session } = setUp()
  const polled = poll(session)
  session.close()
  session.close()
  expect(await polled.messages()).toEqual([])
})

/** The session ends when its client has not polled for one and a half windows from now, and not sooner. */
function expectEndAfterSilence(session: LongPollSession, handler: Recorder): void {
  vi.advanceTimersByTime(1.5 * WINDOW - 1)
  session.sweep(performance.now(), 0)
  expect(handler.closings).toEqual([])
  vi.advanceTimersByTime(1)
  session.sweep(performance.now(), 0)
  expect(handler.closings).toEqual(['inactive'])
}

test('a session is alive for one and a half windows after its last poll began (LONGPOLL-8)', () => {
  const { session, handler, sessions } = setUp()
  vi.advanceTimersByTime(WINDOW)
  poll(session)
  expectEndAfterSilence(session, handler)
  expect(sessions.size).toBe(0)
})

test('the time in which the server was stalled does not count as silence of the client', () => {
  const { session, handler } = setUp()
  const stalledFor = 10 * WINDOW
  vi.advanceTimersByTime(stalledFor)
  session.sweep(performance.now(), stalledFor)
  expectEndAfterSilence(session, handler)
})

test('POSTs do not keep a session alive', async () => {
  const { session, handler } = setUp()
  vi.advanceTimersByTime(WINDOW)
  await session.deliver([clientFrame('a')])
  vi.advanceTimersByTime(WINDOW / 2)
  session.sweep(performance.now(), 0)
  expect(handler.closings).toEqual(['inactive'])
})

test('a client that does not poll loses its session when too much waits (CLOSE-3)', () => {
  const { session, handler } = setUp()
  session.send(text('x'.repeat(60)))
  session.send(text('x'.repeat(40)))
  session.send(text('x'.repeat(60)))
  expect(session.bufferedAmount).toBe(MAX + 60)
  session.send(text('x'))
  expect(handler.closings).toEqual(['closed'])
  expect(session.bufferedAmount).toBe(0)
})

test('a message larger than the limit is sent, and messages behind it count (CLOSE-3)', async () => {
  const { session, handler } = setUp()
  session.send(text('a'))
  session.send(text('x'.repeat(9_000_000)))
  for (let n = 0; n < MAX - 1; n += 1) session.send(text('b'))
  expect(handler.closings).toEqual([])
  expect(await poll(session).messages()).toHaveLength(MAX + 1)
  session.send(text('c'))
  expect(handler.closings).toEqual(['closed'])
})

test('a frame above the maximum size ends the session (LONGPOLL-2)', async () => {
  const { session, handler, sessions } = setUp()
  const frames = [clientFrame('x'.repeat(MAX)), clientFrame('y'.repeat(MAX + 1)), clientFrame('z')]
  expect(await session.deliver(frames)).toBe(false)
  expect(handler.received).toEqual([`text ${'x'.repeat(MAX)}`])
  expect([handler.closings, sessions.size]).toEqual([['closed'], 0])
})

test('frames that are in a response but not yet written count as waiting', async () => {
  const { session, handler } = setUp()
  session.send(text('x'.repeat(60)))
  const batch = await poll(session).batch
  session.send(text('x'.repeat(40)))
  session.written(batch)
  for (let n = 0; n < 2; n += 1) session.send(text('x'.repeat(60)))
  expect(handler.closings).toEqual([])
  session.send(text('x'))
  expect(handler.closings).toEqual(['closed'])
})

test('a poll whose client has hung up loses no messages', async () => {
  const { session, outbox } = setUp()
  const gone = poll(session)
  gone.hangUp()
  session.send(text('a'))
  outbox.flush()
  expect(await gone.messages()).toEqual([])
  expect(await poll(session).messages()).toEqual(['a'])
})

test('a batch whose number the client sends is not sent again', async () => {
  const { session, outbox } = setUp()
  session.send(text('a'))
  const { number } = await poll(session).batch
  const next = poll(session, { received: number })
  session.send(text('b'))
  outbox.flush()
  expect(await next.messages()).toEqual(['b'])
})

test('the number of an earlier batch does not confirm the latest', async () => {
  const { session } = setUp()
  session.send(text('a'))
  const first = await poll(session).batch
  session.send(text('b'))
  await poll(session).batch
  expect(await poll(session, { received: first.number }).messages()).toEqual(['a', 'b'])
})

test.each([
  ['frames that it wrote are not sent again', true, ['b']],
  ['frames that it could not write come first', false, ['a', 'b']],
])(
  'a poll waits for the report of the node that forwards the batch before it: %s',
  async (_, isWritten, messages) => {
    const { session } = setUp()
    session.send(text('a'))
    const carried = await poll(session, { isForwarded: true }).batch
    const next = poll(session)
    session.send(text('b'))
    await vi.advanceTimersByTimeAsync(999)
    expect(next.isAnswered).toBe(false)
    if (isWritten) session.written(carried)
    else session.unwritten(carried)
    expect(await next.messages()).toEqual(messages)
  },
)

test('a batch without a report from the other node is sent again after a second', async () => {
  const { session } = setUp()
  session.send(text('a'))
  const carried = await poll(session, { isForwarded: true }).batch
  const next = poll(session)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await next.messages()).toEqual(['a'])
  session.written(carried)
  expect(session.bufferedAmount).toBe(1)
})

test('a session that has closed waits for no report', async () => {
  const { session } = setUp()
  session.send(text('a'))
  await poll(session, { isForwarded: true }).batch
  session.close()
  expect(vi.getTimerCount()).toBe(0)
})
