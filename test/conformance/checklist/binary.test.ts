import { describe, expect, it } from 'vitest'
import { ask, hex, join, joined } from './fixture.ts'

const ROOM = '726f6f6d3a6d' // room:m
/** A client's push with join_ref "1" and ref "2" on room:m. */
const push = (event: string, data = ''): Buffer =>
  hex(`00 01 01 06 ${byte(event.length)} 31 32 ${ROOM} ${Buffer.from(event).toString('hex')} ${data}`)
const byte = (value: number): string => value.toString(16).padStart(2, '0')

describe('version 2 binary frames', () => {
  it('B083 a push is read and answered with a binary reply', async () => {
    const { client } = await joined()
    const sent = hex('00 01 01 06 08 31 32 726f6f6d3a6d 7265706c7962696e 01 02 ff')
    await ask(client, sent, `01010106023132${ROOM}6f6b0102ff`)
  })

  it('B084 a push may have no data', async () => {
    const { client } = await joined()
    await ask(client, push('replybin'), `01010106023132${ROOM}6f6b`)
  })

  it("B085 the server's push has no ref", async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","pushbin",{}]', `0001060231${ROOM}7062010203`)
  })

  it('B086 a broadcast has only topic and event, and all clients get the same bytes', async () => {
    const { client, connect } = await joined()
    const other = await connect()
    await join(other, 'room:m', '5')
    await ask(client, '["1","2","room:m","bcbin",{}]', `020602${ROOM}62620908`)
    expect(await other.next()).toEqual(hex(`02 06 02 ${ROOM} 6262 0908`))
  })

  it('B087 a heartbeat and a join may be binary; their replies are text', async () => {
    const { client } = await joined()
    const ok = '{"response":{},"status":"ok"}'
    await ask(
      client,
      hex('00 00 01 07 09 31 70686f656e6978 686561727462656174'),
      `[null,"1","phoenix","phx_reply",${ok}]`,
    )
    await ask(
      client,
      hex('00 01 01 04 08 33 33 62617265 7068785f6a6f696e'),
      `["3","3","bare","phx_reply",${ok}]`,
    )
  })

  it('B088 an empty join_ref is not null, so the message is stale', async () => {
    const { client } = await joined()
    await ask(client, hex(`00 00 01 06 04 32 ${ROOM} 6563686f`))
  })

  it.each(['01 00000000', '02 00000000', 'ff 00000000'])(
    'B089 a frame with %s as its kind closes the connection with 1011',
    async (bytes) => {
      expect(await closeAfter(bytes)).toBe(1011)
    },
  )

  it.each(['', '00', '00 00 00 00', '00 0a 00 00 00 01', `00 01 01 06 05 31 32 ${ROOM} 6563`])(
    'B090 the truncated frame "%s" closes the connection with 1011',
    async (bytes) => {
      expect(await closeAfter(bytes)).toBe(1011)
    },
  )

  it('B091 JSON in a binary frame closes the connection with 1011', async () => {
    const json = Buffer.from('["1","2","room:m","echo",{}]').toString('hex')
    expect(await closeAfter(json)).toBe(1011)
  })

  it('B092 a field of more than 255 bytes crashes the channel that sends it', async () => {
    const { client } = await joined()
    await ask(
      client,
      '["1","2","room:m","longbin",{}]',
      '["1","1","room:m","phx_error",{"reason":"channel_crash"}]',
    )
  })

  it('B093 lengths count bytes of UTF-8', async () => {
    const { client } = await joined()
    const topic = Buffer.from('room:é').toString('hex')
    await join(client, 'room:é', '3')
    const sent = hex(`00 01 01 07 08 33 34 ${topic} 7265706c7962696e ff`)
    await ask(client, sent, `01010107023334${topic}6f6bff`)
  })

  it('B094 a binary push that is answered with an object gets a text reply', async () => {
    const { client } = await joined()
    await ask(
      client,
      push('objectreply', '0102'),
      '["1","2","room:m","phx_reply",{"response":{"a":1},"status":"ok"}]',
    )
  })
})

async function closeAfter(bytes: string): Promise<number> {
  const { client } = await joined()
  client.send(hex(bytes))
  return client.closed
}
