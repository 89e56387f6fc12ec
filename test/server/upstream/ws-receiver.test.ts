import { describe, expect, test } from 'vitest'
import { line } from '../../helpers/transport-line.ts'
import { until } from '../../helpers/until.ts'

/** A masked text frame, of which only this many bytes of data follow the header. */
function partOf(size: number, sent: number, firstByte = 0x81): Buffer {
  const head = Buffer.alloc(14)
  head.set([firstByte, 0xff])
  head.writeBigUInt64BE(BigInt(size), 2)
  return Buffer.concat([head, Buffer.alloc(sent, 'x')])
}

describe('a message that has begun', () => {
  /** A client that has sent these bytes and no others, seen by a sweep. */
  async function begun(bytes: Buffer) {
    const given = await line({ messageTimeout: 1_000 })
    const { client, net, transport } = given
    const read = net.bytesRead
    client.tcp?.write(bytes)
    await until(() => net.bytesRead === read + bytes.length)
    // A whole number, so that sums of milliseconds are exact.
    const start = Math.ceil(performance.now())
    transport.sweep(start, 0)
    return { ...given, start }
  }
  const ping = Buffer.from('898000000000', 'hex')

  test.each([
    { what: 'all but its last byte', bytes: partOf(70_000, 69_999) },
    { what: 'a header', bytes: partOf(70_000, 0) },
    { what: 'half of a header', bytes: Buffer.from('81', 'hex') },
    { what: 'a fragment', bytes: Buffer.from('01810000000078', 'hex') },
    { what: 'fragments, with pings between', bytes: Buffer.from('01810000000078898000000000', 'hex') },
    { what: 'a part of a ping', bytes: Buffer.from('89810000', 'hex') },
  ])('must be complete in time: $what (CLOSE-5)', async ({ bytes }) => {
    const { client, net, transport, handler, start } = await begun(bytes)
    const isFragmented = bytes[0] === 0x01
    const read = net.bytesRead
    // A sign of life between fragments, but no end of the message.
    if (isFragmented) client.tcp?.write(ping)
    if (isFragmented) await until(() => net.bytesRead > read)
    transport.sweep(start + 999, 0)
    expect(handler.ends).toEqual([])
    transport.sweep(start + 1_000, 0)
    expect(handler.ends).toEqual(['closed'])
    client.tcp?.destroy()
  })

  test('has its own timeout, which does not depend on the message before it (CLOSE-5)', async () => {
    const { client, transport, handler, start } = await begun(partOf(70_000, 69_999))
    client.tcp?.write(Buffer.concat([Buffer.from('x'), partOf(70_000, 69_999)]))
    await until(() => handler.received.length === 1)
    transport.sweep(start + 900, 0)
    transport.sweep(start + 1_899, 0)
    expect(handler.ends).toEqual([])
    transport.sweep(start + 1_900, 0)
    expect(handler.ends).toEqual(['closed'])
    client.tcp?.destroy()
  })

  test('has no timeout while the server does not read (CLOSE-5)', async () => {
    const { client, transport, handler, start } = await begun(partOf(70_000, 69_999))
    transport.pause()
    transport.sweep(start + 5_000, 0)
    transport.resume()
    transport.sweep(start + 5_900, 0)
    expect(handler.ends).toEqual([])
    client.tcp?.write('x')
    await until(() => handler.received.length === 1)
    transport.sweep(start + 9_000, 0)
    expect(handler.ends).toEqual([])
  })
})
