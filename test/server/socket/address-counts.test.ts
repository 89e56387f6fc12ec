import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { AddressCounts } from '../../../server/socket/address-counts.ts'
import { PeerAddress } from '../../../server/socket/peer-address.ts'

const LIMIT = 6

/** A connection that counts how often its address is read. */
function peerAt(ip: string, onRead = () => {}): PeerAddress {
  return new PeerAddress({
    get remoteAddress() {
      onRead()
      return ip
    },
  })
}

/** One of the peers gets so many more, or loses all it has. */
const step = fc.record({
  ip: fc.constantFrom('192.0.2.1', '192.0.2.2', '127.0.0.1'),
  peer: fc.nat(3),
  isRead: fc.boolean(),
  change: fc.integer({ min: -1, max: 3 }),
})

test('an address is full exactly if the counts of its peers reach the limit (LIMIT-6)', () => {
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const counts = new AddressCounts(LIMIT, () => [...peers.values()].map(({ peer, count }) => [peer, count]))
    const peers = new Map<string, { peer: PeerAddress; ip: string; count: number }>()
    const countOf = (of: string) =>
      [...peers.values()].reduce((sum, { ip, count }) => sum + (ip === of ? count : 0), 0)
    for (const { ip, peer: number, isRead, change } of steps) {
      const key = `${ip} ${number}`
      const own = peers.get(key) ?? { peer: peerAt(ip), ip, count: 0 }
      peers.set(key, own)
      if (isRead) own.peer.read()
      const added = change < 0 ? -own.count : change
      own.count += added
      counts.add(own.peer, added)
      for (const at of ['192.0.2.1', '192.0.2.2'])
        expect(counts.isFull(peerAt(at)), at).toBe(countOf(at) >= LIMIT)
      expect(counts.isFull(peerAt('127.0.0.1'))).toBe(false)
    }
  })
  fc.assert(property)
})

test('no address is read while all connections together are at most half of the limit, then a few at once', () => {
  const peers: PeerAddress[] = []
  const counts = new AddressCounts(100, () => peers.map((peer) => [peer, 1]))
  const onRead = vi.fn()
  for (let n = 0; n < 50; n += 1) {
    const peer = peerAt(`192.0.2.${n}`, onRead)
    expect(counts.isFull(peer)).toBe(false)
    peers.push(peer)
    counts.add(peer, 1)
  }
  expect(onRead).not.toHaveBeenCalled()
  for (let n = 50; n < 100; n += 1) {
    onRead.mockClear()
    const peer = peerAt(`192.0.2.${n}`, onRead)
    peers.push(peer)
    counts.add(peer, 1)
    expect(onRead.mock.calls.length).toBeLessThanOrEqual(32)
  }
  expect(counts.isFull(peerAt('192.0.2.1'))).toBe(false)
})

test('a peer without an address is not counted', () => {
  const counts = new AddressCounts(1, () => [[null, 1]])
  counts.add(null, 1)
  expect(counts.isFull(null)).toBe(false)
  expect(counts.isFull(peerAt('192.0.2.1'))).toBe(false)
})
