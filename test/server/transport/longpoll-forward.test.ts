import { expect, test, vi } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { Forwarder, ownSessions, RemoteSession } from '../../../server/transport/longpoll-forward.ts'
import type { ClientFrame } from '../../../server/transport/longpoll-frames.ts'
import { LongPollSession } from '../../../server/transport/longpoll-session.ts'
import { Outbox } from '../../../server/transport/outbox.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { MemoryEngine, MemoryNodes } from '../../helpers/memory-nodes.ts'

const URL = '/socket/longpoll'
const WINDOW = 10_000

/** A session on its owner, and two nodes that carry requests to it. */
function setUp() {
  useFakeTimers()
  const cluster = new Map<string, MemoryNodes>()
  const owner = new MemoryNodes('owner', cluster)
  const sessions = new Map<string, LongPollSession>()
  const outbox = new Outbox()
  const limits = { windowMs: WINDOW, maxFrameSize: 1_000, maxBufferedBytes: 1_000 }
  const session = new LongPollSession('s1', { limits, outbox, sessions, log: { warn() {} } })
  const received: string[] = []
  const receive = (data: string | Uint8Array, opcode: string) =>
    void received.push(`${opcode} ${Buffer.from(data).toString('latin1')}`)
  session.attach({ receive, closed() {}, pinged() {} })
  ownSessions(owner, URL, sessions)
  const send = (text: string) => {
    session.send(new Frame('text', text))
    outbox.flush()
  }
  return { cluster, owner, session, received, send, one: node('one', cluster), two: node('two', cluster) }
}

/** A node that carries. */
function node(id: string, cluster: Map<string, MemoryNodes>) {
  const engine = new MemoryEngine(new MemoryNodes(id, cluster))
  const endpoint = new TestEndpoint({ engine })
  const forwarder = new Forwarder(endpoint, URL, { windowMs: WINDOW, maxCarriedBytes: 4_000 })
  const remote = (sessionId = 's1') =>
    new RemoteSession(forwarder, { nodeId: 'owner', sessionId, received: 0 })
  const poll = ({ received = 0, sessionId = 's1' } = {}) => {
    const hungUp = new AbortController()
    const session = remote(sessionId)
    const polled = {
      session,
      isAnswered: false,
      hangUp: () => hungUp.abort(),
      batch: session.poll({ received, signal: hungUp.signal }),
      messages: async () => (await polled.batch)?.messages,
    }
    void polled.batch.then(() => {
      polled.isAnswered = true
    })
    return polled
  }
  return { engine, endpoint, remote, poll }
}

const frame = (data: string | Buffer): ClientFrame => ({ data: Buffer.from(data), opcode: 'text' })

test('a poll is forwarded to the owner, and waits there', async () => {
  const { send, one } = setUp()
  const polled = one.poll()
  await vi.advanceTimersByTimeAsync(9_000)
  send('a')
  expect(await polled.messages()).toEqual(['a'])
})

test('a poll without messages ends with the window of the owner', async () => {
  const { one } = setUp()
  const polled = one.poll()
  await vi.advanceTimersByTimeAsync(WINDOW)
  expect(await polled.messages()).toEqual([])
})

test('a session that the owner does not have has ended', async () => {
  const { one } = setUp()
  expect(await one.poll({ sessionId: 's2' }).batch).toBeNull()
  expect(await one.remote('s2').deliver([frame('a')])).toBeNull()
})

test('a session ends at once with its owner', async () => {
  const { cluster, one } = setUp()
  cluster.delete('owner')
  expect(await one.poll().batch).toBeNull()
  expect(await one.remote().deliver([frame('a')])).toBeNull()
})

test('the newer poll gets the frames, whichever nodes the polls came by (LONGPOLL-5)', async () => {
  const { send, one, two } = setUp()
  const older = one.poll()
  await vi.advanceTimersByTimeAsync(2_999)
  const newer = two.poll()
  expect(await older.messages()).toEqual([])
  // Past the moment at which the older would have asked again.
  await vi.advanceTimersByTimeAsync(1_000)
  send('a')
  expect(await newer.messages()).toEqual(['a'])
})

test('frames that were written, or that the next poll confirms, are not sent again', async () => {
  const { send, one, two } = setUp()
  send('a')
  const first = one.poll()
  first.session.written((await first.batch) ?? expect.fail())
  send('b')
  const second = await two.poll().batch
  expect(second?.messages).toEqual(['b'])
  send('c')
  expect(await one.poll({ received: second?.number ?? 0 }).messages()).toEqual(['c'])
})

test('frames that were lost with a node come first in the response to the next poll', async () => {
  const { cluster, send, one, two } = setUp()
  one.poll()
  await vi.advanceTimersByTimeAsync(1)
  cluster.delete('one')
  send('a')
  send('b')
  const polled = two.poll()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await polled.messages()).toEqual(['a', 'b'])
})

test('a client that hangs up while its poll waits loses no messages', async () => {
  const { send, one, two } = setUp()
  const given = one.poll()
  await vi.advanceTimersByTimeAsync(1)
  given.hangUp()
  expect(await given.messages()).toEqual([])
  send('a')
  expect(await two.poll().messages()).toEqual(['a'])
})

test('frames that cannot be written because the client hung up are sent to the next poll, at once', async () => {
  const { send, one, two } = setUp()
  send('a')
  const given = one.poll()
  expect(await given.messages()).toEqual(['a'])
  given.hangUp()
  expect(await two.poll().messages()).toEqual(['a'])
})

test('a client that hangs up after everything was written changes nothing', async () => {
  const { owner, send, one } = setUp()
  send('a')
  const given = one.poll()
  given.session.written((await given.batch) ?? expect.fail())
  given.hangUp()
  await vi.advanceTimersByTimeAsync(1)
  const told = owner.heard.filter(([question]) => question.endsWith('written'))
  expect(told.map(([, body]) => body)).toEqual([{ sessionId: 's1', number: 1, isWritten: true }])
})

test("a client's frames are forwarded unchanged, in order", async () => {
  const { received, one } = setUp()
  const bytes: ClientFrame = { data: Buffer.from([0, 255]), opcode: 'binary' }
  const delivered = [
    one.remote().deliver([frame('a'), bytes]),
    one.remote().deliver([frame(Buffer.from([254]))]),
  ]
  expect(await Promise.all(delivered)).toEqual([true, true])
  expect(received).toEqual(['text a', 'binary \0\xff', 'text \xfe'])
})

test('a paused session keeps forwarded frames in order, longer than a node may be silent (LONGPOLL-7)', async () => {
  const { session, received, one } = setUp()
  session.pause()
  const delivered = [one.remote().deliver([frame('a')]), one.remote().deliver([frame('b')])]
  await vi.advanceTimersByTimeAsync(9_000)
  expect(received).toEqual([])
  session.resume()
  await vi.advanceTimersByTimeAsync(1)
  expect(await Promise.all(delivered)).toEqual([true, true])
  expect(received).toEqual(['text a', 'text b'])
})

test('frames without room within the window are refused', async () => {
  const { session, received, one } = setUp()
  session.pause()
  const delivered = one.remote().deliver([frame('a')])
  await vi.advanceTimersByTimeAsync(WINDOW)
  expect(await delivered).toBe(false)
  expect(received).toEqual([])
})

test('while the engine is away no node counts as gone, and polls wait for it', async () => {
  const { send, one } = setUp()
  one.engine.state = 'down'
  const polled = one.poll()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(polled.isAnswered).toBe(false)
  one.engine.state = 'up'
  send('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(await polled.messages()).toEqual(['a'])
})

test('a poll that the engine lost is forwarded again', async () => {
  const { owner, send, one } = setUp()
  owner.isSilent = true
  const polled = one.poll()
  await vi.advanceTimersByTimeAsync(1)
  one.engine.state = 'down'
  await vi.advanceTimersByTimeAsync(5_000)
  owner.isSilent = false
  one.engine.state = 'up'
  await vi.advanceTimersByTimeAsync(250)
  send('a')
  expect(await polled.messages()).toEqual(['a'])
})

test('frames that may have been lost on their way are not sent twice', async () => {
  const { owner, one } = setUp()
  owner.isSilent = true
  const delivered = one.remote().deliver([frame('a')])
  await vi.advanceTimersByTimeAsync(1)
  one.engine.state = 'down'
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await delivered).toBe(false)
  expect(owner.heard.filter(([, body]) => 'body' in Object(body))).toHaveLength(1)
})

test('while the engine is away frames wait for it, in order, at most until the window is over', async () => {
  const { received, one } = setUp()
  one.engine.state = 'down'
  const late = one.remote().deliver([frame('late')])
  await vi.advanceTimersByTimeAsync(WINDOW - 400)
  const delivered = [one.remote().deliver([frame('a')])]
  await vi.advanceTimersByTimeAsync(50)
  delivered.push(one.remote().deliver([frame('b')]))
  await vi.advanceTimersByTimeAsync(600)
  expect(await late).toBe(false)
  one.engine.state = 'up'
  await vi.advanceTimersByTimeAsync(250)
  expect(await Promise.all(delivered)).toEqual([true, true])
  expect(received).toEqual(['text a', 'text b'])
})

test('if a node can send no more questions, no node counts as gone: polls wait, and POSTs are refused', async () => {
  const { send, one } = setUp()
  one.engine.nodes.isBusy = true
  const polled = one.poll()
  expect(await one.remote().deliver([frame('a')])).toBe(false)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(polled.isAnswered).toBe(false)
  one.engine.nodes.isBusy = false
  send('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(await polled.messages()).toEqual(['a'])
  one.engine.nodes.isBusy = true
  const late = one.poll()
  await vi.advanceTimersByTimeAsync(WINDOW)
  expect(await late.messages()).toEqual([])
})

test('a node that drains forwards nothing', async () => {
  const { one } = setUp()
  await Promise.all([one.endpoint.drain(), vi.runAllTimersAsync()])
  expect(await one.poll().messages()).toEqual([])
  expect(await one.remote().deliver([frame('a')])).toBe(false)
})

test('frames are forwarded in order, a few at a time until the owner has them (LONGPOLL-11)', async () => {
  const { owner, session, received, one } = setUp()
  session.pause()
  const bodies = ['a', 'b', 'c'].map((letter) => letter.repeat(700))
  // 4,000 bytes may be in flight.
  const delivered = bodies.map((body) => one.remote().deliver(Array(3).fill(frame(body))))
  const carried = () => owner.heard.filter(([, body]) => 'body' in Object(body)).length
  await vi.advanceTimersByTimeAsync(99)
  expect(carried()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(carried()).toBe(2)
  await vi.advanceTimersByTimeAsync(100)
  expect(carried()).toBe(3)
  session.resume()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(await Promise.all(delivered)).toEqual([true, true, true])
  expect(received).toEqual(bodies.flatMap((body) => Array(3).fill(`text ${body}`)))
})

test('a session that accepts no frames does not delay others (LONGPOLL-7)', async () => {
  const { session, owner, one } = setUp()
  session.pause()
  const held = one.remote().deliver(Array(5).fill(frame('x'.repeat(1_000))))
  const other = one.remote('s2').deliver([frame('a')])
  await vi.advanceTimersByTimeAsync(99)
  expect(owner.heard).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await other).toBeNull()
  session.resume()
  await vi.advanceTimersByTimeAsync(1)
  expect(await held).toBe(true)
})

test('sessions of different mounts are separate', async () => {
  const { one } = setUp()
  const forwarder = new Forwarder(one.endpoint, '/other/longpoll', {
    windowMs: WINDOW,
    maxCarriedBytes: 4_000,
  })
  const remote = new RemoteSession(forwarder, { nodeId: 'owner', sessionId: 's1', received: 0 })
  const delivered = remote.deliver([frame('a')])
  await vi.advanceTimersByTimeAsync(4_500)
  expect(await delivered).toBeNull()
})
