import { describe, expect, it } from 'vitest'
import { upgrade } from '../../helpers/raw-http.ts'
import { serve } from './fixture.ts'

const HEARTBEAT_V1 = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}'
const REPLY_V1 = '{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"1","topic":"phoenix"}'
const HEARTBEAT_V2 = '[null,"1","phoenix","heartbeat",{}]'
const REPLY_V2 = '[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]'

describe('vsn', () => {
  it('B027 no vsn means version 1', async () => {
    expect(await answer('', HEARTBEAT_V1)).toBe(REPLY_V1)
  })

  it('B028 vsn=2.0.0 means version 2', async () => {
    expect(await answer('vsn=2.0.0', HEARTBEAT_V2)).toBe(REPLY_V2)
  })

  it('B029 vsn=2.0.7 means version 2', async () => {
    expect(await answer('vsn=2.0.7', HEARTBEAT_V2)).toBe(REPLY_V2)
  })

  it('B030 vsn=1.0.9 means version 1', async () => {
    expect(await answer('vsn=1.0.9', HEARTBEAT_V1)).toBe(REPLY_V1)
  })

  it('B031 a version that no serializer supports is refused', async () => {
    for (const vsn of ['2.1.0', '1.1.0', '3.0.0']) expect(await refusal(`vsn=${vsn}`), vsn).toBe(403)
  })

  it('B032 a vsn without three parts is refused', async () => {
    for (const vsn of ['2.0', '2', '', 'abc']) expect(await refusal(`vsn=${vsn}`), vsn).toBe(403)
  })

  it('B033 a vsn that is not a string is refused', async () => {
    expect(await refusal('vsn[]=2.0.0')).toBe(403)
  })

  it('B034 a pre-release sorts below its version', async () => {
    expect(await refusal('vsn=2.0.0-rc.1')).toBe(403)
    expect(await refusal('vsn=2.0.1-rc.1')).toBe(101)
  })
})

async function answer(query: string, heartbeat: string): Promise<string | Buffer> {
  const server = await serve()
  const client = await server.connect(query)
  client.send(heartbeat)
  return client.next()
}

async function refusal(query: string): Promise<number> {
  const { base } = await serve()
  return (await upgrade(`${base}/socket/websocket?${query}`)).status
}
