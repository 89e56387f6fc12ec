import { expect, test } from 'vitest'
import { decodeFragment, Fragments } from '../../../server/redis/fragments.ts'
import { NodeLink } from '../../../server/redis/node-link.ts'

/** A link with a window of 400 bytes, and what it published. */
function setUp({ receivers = 1 as number | null } = {}) {
  const published: Buffer[] = []
  const link = new NodeLink({
    nodeId: 'a',
    window: 400,
    async publish(message) {
      published.push(message)
      return receivers
    },
  })
  const acks = () =>
    published.flatMap((message) => {
      const ack = (decodeFragment(message)?.header ?? JSON.parse(String(message))).ack
      return ack === undefined ? [] : [ack[1] as number]
    })
  return { link, published, acks }
}

const never = { isOver: false, progressed() {} }
/** An object that takes so many bytes as JSON. */
const sized = (bytes: number) => ({ n: 'x'.repeat(bytes - 8) })
const json = (bytes: number) => JSON.stringify(sized(bytes))

/** The messages that the other node reads. */
function read(published: readonly Buffer[]): string[] {
  const fragments = new Fragments()
  const messages = published.flatMap((message) => {
    const fragment = decodeFragment(message)
    return fragment === null ? [message] : (fragments.take(fragment) ?? [])
  })
  fragments.clear()
  return messages.map(String)
}

test('at most one window of unacknowledged data is in flight; the rest waits in order', async () => {
  const { link, published, acks } = setUp()
  const sent = [90, 90, 90, 90, 90, 50].map((bytes) => link.send(sized(bytes), never))
  expect([published.length, acks(), link.isIdle]).toEqual([4, [180, 360], false])
  link.acknowledged(180)
  expect([published.length, link.isIdle]).toEqual([6, true])
  expect(await Promise.all(sent)).toEqual([1, 1, 1, 1, 1, 1])
})

test('a long message is sent in fragments and reassembled', async () => {
  const { link, published, acks } = setUp()
  const sent = [link.send(sized(1_234), never), link.send(sized(20), never)]
  expect(published).toHaveLength(4)
  while (!link.isIdle) link.acknowledged(acks().at(-1) ?? expect.fail())
  expect(published).toHaveLength(14)
  expect(read(published)).toEqual([json(1_234), json(20)])
  expect(await Promise.all(sent)).toEqual([1, 1])
})

test('a message that lost a fragment is dropped, and the next message is read', () => {
  const { link, published } = setUp()
  void link.send(sized(250), never)
  link.freeAll()
  void link.send(sized(150), never)
  for (const lost of [0, 1, 2]) {
    expect(read(published.filter((_, n) => n !== lost))).toEqual([json(150)])
  }
})

test('the rest of a message is not sent if its question has ended', async () => {
  const { link, published } = setUp()
  const monitor = { isOver: false, progressed() {} }
  const begun = link.send(sized(1_000), monitor)
  const waiting = link.send(sized(300), monitor)
  const next = link.send(sized(50), never)
  expect(published).toHaveLength(4)
  monitor.isOver = true
  link.acknowledged(100)
  expect([await begun, await waiting, await next]).toEqual([1, null, 1])
  expect(read(published)).toEqual([json(50)])
})

test('a node without receivers does not block the queue', async () => {
  const { link } = setUp({ receivers: 0 })
  const sent = Array.from({ length: 20 }, () => link.send(sized(90), never))
  expect(await Promise.all(sent)).toEqual(sent.map(() => 0))
})

test('a failed publish, and a message that waits at the end, resolve with null', async () => {
  const refused = setUp({ receivers: null })
  expect(await refused.link.send(sized(90), never)).toBeNull()
  const { link } = setUp()
  const waiting = link.send(sized(1_000), never)
  link.close()
  expect(await waiting).toBeNull()
})

test('an acknowledgement restarts the timeouts of all queued questions, freeAll does not', () => {
  const { link } = setUp()
  const news: string[] = []
  for (const name of ['a', 'b']) {
    void link.send(sized(1_000), { isOver: false, progressed: () => void news.push(name) })
  }
  link.acknowledged(100)
  link.acknowledged(100)
  link.freeAll()
  expect(news).toEqual(['a', 'b'])
})
