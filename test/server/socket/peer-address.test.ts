import { expect, test } from 'vitest'
import { networkOf, PeerAddress } from '../../../server/socket/peer-address.ts'

test('the address of a connection is read once, and is known after the connection has closed', () => {
  const connection: { remoteAddress: string | undefined } = { remoteAddress: '192.0.2.1' }
  const peer = new PeerAddress(connection)
  expect(peer.isRead).toBe(false)
  expect(peer.read()).toBe('192.0.2.1')
  connection.remoteAddress = undefined
  expect([peer.isRead, peer.read()]).toEqual([true, '192.0.2.1'])
})

test.each([undefined, '', '127.0.0.1', '::1'])('%s is not counted (LIMIT-6)', (ip) => {
  expect(new PeerAddress(ip).read()).toBeNull()
  expect(new PeerAddress({ remoteAddress: ip }).read()).toBeNull()
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unix', 'unix'],
])('%s belongs to the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
