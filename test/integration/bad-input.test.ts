import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openApp } from '../helpers/open-app.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request } from '../helpers/raw-http.ts'
import { authSecret, bearer, withToken } from '../helpers/tokens.ts'

/** The chat on a port of its own, and a member of the lobby who shall notice nothing. */
async function chat(): Promise<{ base: string; url: string; bystander: RawClient }> {
  const { app } = await openApp()
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
  const bystander = await connect(url)
  bystander.send('["1","1","room:lobby","phx_join",{}]')
  await bystander.next()
  // A user with a token is present, and receives two messages about that.
  for (let told = 0; authSecret !== null && told < 2; told++) await bystander.next()
  return { base, url, bystander }
}

/** The bystander still chats, and has heard nothing else. */
async function undisturbed(bystander: RawClient): Promise<void> {
  bystander.send('["1","2","room:lobby","new_msg",{"body":"still here"}]')
  expect(await bystander.next()).toBe('[null,null,"room:lobby","new_msg",{"body":"still here"}]')
  await bystander.nothing()
}

describe('a frame that cannot be decoded ends only its own connection', () => {
  it.each([
    ['broken JSON', '["1","1",', 1011],
    ['an empty frame', '', 1011],
    ['an array of three', '["1","2","room:lobby"]', 1011],
    ['an object', '{"topic":"room:lobby"}', 1011],
    ['binary garbage', Buffer.from('ff00ff00deadbeef', 'hex'), 1011],
    ['a truncated binary frame', Buffer.from('000a00000001', 'hex'), 1011],
    ['a frame of 20 MB', Buffer.alloc(20_000_000, 'x').toString(), 1009],
    ['a frame that is larger than any of the chat', `["1","2","x","y",${' '.repeat(65_536)}{}]`, 1009],
    ['a frame of 30,000 levels', `["1","2","x","y",${'['.repeat(30_000)}${']'.repeat(30_000)}]`, 1011],
    ['a reference of nested lists', `["1",[${'[[],[]],'.repeat(6_000)}1],"x","y",{}]`, 1011],
  ])('%s', async (_what, frame, code) => {
    const { url, bystander } = await chat()
    const client = await connect(url)
    client.send(frame)
    expect(await client.closed).toBe(code)
    await undisturbed(bystander)
  })

  it('over long-poll, such a frame ends its session', async () => {
    const { base, bystander } = await chat()
    const url = withToken(`${base}/socket/longpoll?vsn=2.0.0`)
    const { token } = JSON.parse((await request(url)).body)
    const body = `["1","2","x","y",${' '.repeat(65_536)}{}]`
    const post = () => request(`${url}&token=${token}`, { method: 'POST', body })
    expect(await post()).toMatchObject({ status: 200, body: '{"status":408}' })
    expect(await post()).toMatchObject({ status: 200, body: '{"status":410}' })
    await undisturbed(bystander)
  })

  it('text that is not UTF-8', async () => {
    const { url, bystander } = await chat()
    const client = await connect(url)
    // A masked text frame of one byte, 0xff, with an empty mask.
    client.tcp?.write(Buffer.from('818100000000ff', 'hex'))
    expect(await client.closed).toBe(1007)
    await undisturbed(bystander)
  })

  it('a client that breaks off in the middle of a frame affects nobody else', async () => {
    const { url, bystander } = await chat()
    const client = await connect(url)
    client.tcp?.write(Buffer.from('81fe0fff00000000', 'hex'))
    client.tcp?.resetAndDestroy()
    expect(await client.closed).toBe(1006)
    expect(client.ws.readyState).toBe(WebSocket.CLOSED)
    await undisturbed(bystander)
  })
})

describe('a message without a handler is answered', () => {
  const reply = (joinRef: string | null, topic: string, reason: string) =>
    JSON.stringify([joinRef, '2', topic, 'phx_reply', { response: { reason }, status: 'error' }])

  it.each([
    ['an unknown topic', '["2","2","nowhere","phx_join",{}]', reply(null, 'nowhere', 'unmatched topic')],
    ['a topic not joined', '["2","2","room:x","new_msg",{}]', reply(null, 'room:x', 'unmatched topic')],
    ['an empty room name', '["2","2","room:","phx_join",{}]', reply('2', 'room:', 'invalid room')],
    ['an unknown event', '["1","2","room:lobby","nothing",{}]', reply('1', 'room:lobby', 'unmatched event')],
  ])('%s', async (_what, frame, answer) => {
    const { bystander } = await chat()
    bystander.send(frame)
    expect(await bystander.next()).toBe(answer)
    await undisturbed(bystander)
  })

  it.each(['{}', '{"body":""}', '{"body":1}', '"text"', 'null', `{"body":"${'x'.repeat(4_001)}"}`])(
    'a payload that does not match the schema: %.20s',
    async (payload) => {
      const { bystander } = await chat()
      bystander.send(`["1","2","room:lobby","new_msg",${payload}]`)
      expect(await bystander.next()).toContain('{"response":{"reason":"invalid payload","errors":[{')
      await undisturbed(bystander)
    },
  )
})

describe('an invalid POST is refused', () => {
  it.each([
    ['no body', undefined, 400],
    ['an empty object', '{}', 400],
    ['a number for text', '{"body":1}', 400],
    ['broken JSON', '{"body":', 400],
    ['1 MB', JSON.stringify({ body: 'x'.repeat(1_000_000) }), 413],
  ])('%s', async (_what, body, status) => {
    const { base, bystander } = await chat()
    const headers = { 'content-type': 'application/json', ...bearer() }
    const given = body === undefined ? { headers } : { headers, body }
    const response = await request(`${base}/api/rooms/lobby/messages`, { method: 'POST', ...given })
    expect(response.status).toBe(status)
    await undisturbed(bystander)
  })

  it('with a room name that has a comma, or is too long', async () => {
    const { base, bystander } = await chat()
    const post = (room: string) =>
      request(`${base}/api/rooms/${encodeURIComponent(room)}/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer() },
        body: '{"body":"hi"}',
      })
    expect(await post('a,b')).toMatchObject({ status: 400 })
    expect(await post('x'.repeat(65))).toMatchObject({ status: 400 })
    expect(await post('😀'.repeat(64))).toMatchObject({ status: 202 })
    await undisturbed(bystander)
  })
})
