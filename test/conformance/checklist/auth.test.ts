import { describe, expect, it } from 'vitest'
import { upgrade } from '../../helpers/raw-http.ts'
import { type Options, serve } from './fixture.ts'

const TOKEN = 'base64url.bearer.phx.'

describe('sub-protocol and auth token', () => {
  it('B035 the token is read from the sub-protocols and `phoenix` is chosen', async () => {
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}YWJj`)).toEqual([101, 'phoenix', 'abc'])
  })

  it('B036 both alphabets of base64 are read', async () => {
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}Pj4+Pz8/`)).toEqual([101, 'phoenix', '>>>???'])
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}Pj4-Pz8_`)).toEqual([101, 'phoenix', '>>>???'])
  })

  it('B037 padded and unpadded base64 are read', async () => {
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}YQ`)).toEqual([101, 'phoenix', 'a'])
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}YQ==`)).toEqual([101, 'phoenix', 'a'])
  })

  it('B038 if the client offers no sub-protocol, there is no token', async () => {
    expect(await offer({ authToken: true })).toEqual([101, undefined, null])
  })

  it('B039 an offer without `phoenix` is refused', async () => {
    expect(await offer({ authToken: true }, 'other')).toEqual([403, undefined, undefined])
  })

  it('B040 an offer of two tokens counts as no token', async () => {
    expect(await offer({ authToken: true }, `phoenix, ${TOKEN}YQ, ${TOKEN}Yg`)).toEqual([
      101,
      'phoenix',
      null,
    ])
  })

  it('B041 an offer must contain a configured sub-protocol', async () => {
    const sip = { websocket: { subprotocols: ['sip'] } }
    expect((await offer(sip, 'mqtt'))[0]).toBe(403)
    expect((await offer(sip, 'mqtt, sip')).slice(0, 2)).toEqual([101, 'sip'])
    expect((await offer(sip)).slice(0, 2)).toEqual([101, undefined])
  })

  it('B042 without configured sub-protocols none is chosen', async () => {
    expect((await offer({}, 'mqtt, sip')).slice(0, 2)).toEqual([101, undefined])
  })

  it("B043 the server's order of preference decides", async () => {
    const both = { websocket: { subprotocols: ['a', 'b'] } }
    expect((await offer(both, 'b, a')).slice(0, 2)).toEqual([101, 'a'])
  })
})

/** The status, the chosen sub-protocol, and the token that `connect` saw. */
async function offer(options: Options, protocols?: string): Promise<unknown[]> {
  const { base, probe } = await serve(options)
  const offered = protocols === undefined ? {} : { 'sec-websocket-protocol': protocols }
  const { status, headers } = await upgrade(`${base}/socket/websocket?vsn=2.0.0`, offered)
  const info = probe.infos[0] as { authToken?: string | null } | undefined
  return [status, headers['sec-websocket-protocol'], info?.authToken]
}
