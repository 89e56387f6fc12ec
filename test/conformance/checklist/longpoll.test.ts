import { describe, expect, it } from 'vitest'
import { type RawResponse, request } from '../../helpers/raw-http.ts'
import { until } from '../../helpers/until.ts'
import { hex, type Options, type Server, serve } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'
const JOIN = '["1","1","room:m","phx_join",{}]'
const JOINED = `["1","1","room:m","phx_reply",${OK}]`
const NDJSON = 'application/x-ndjson'

type Polled = { status: number; token: string; messages: string[] }

describe('long-poll', () => {
  it('B044 over long-poll, the token is the unchanged header X-Phoenix-AuthToken', async () => {
    const { base, probe } = await serve({ authToken: true, longpoll: true })
    await request(`${base}/socket/longpoll?vsn=2.0.0`, { headers: { 'x-phoenix-authtoken': 'tok/en+1' } })
    expect(probe.infos).toMatchObject([{ authToken: 'tok/en+1' }])
  })

  it('B053 a refused origin is answered {"status":403}, which every page can read', async () => {
    const { base } = await serve({ checkOrigin: ['//example.com'], longpoll: true })
    const url = `${base}/socket/longpoll?vsn=2.0.0`
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const refused = await request(url, { method, headers: { origin: 'http://evil.test' } })
      expect(refused, method).toMatchObject({ status: 200, body: '{"status":403}' })
      expect(refused.headers['access-control-allow-origin']).toBe('*')
    }
  })

  it('B167 the first GET answers 410 and a token', async () => {
    const { base } = await serve({ longpoll: true })
    const { status, headers, body } = await request(`${base}/socket/longpoll?vsn=2.0.0`)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect(JSON.parse(body)).toEqual({ messages: [], status: 410, token: expect.any(String) })
  })

  it('B168 a GET without messages is answered 204 after the window, with its token', async () => {
    const session = await open({ longpoll: { windowMs: 100 } })
    const started = performance.now()
    expect(await session.poll()).toEqual({ messages: [], status: 204, token: session.token })
    expect(performance.now() - started).toBeGreaterThan(95)
  })

  it('B169 a POST is acknowledged, and a GET returns the resulting frames as strings', async () => {
    const session = await open()
    expect(await session.post(JOIN)).toEqual({ status: 200 })
    expect(await session.poll()).toEqual({ messages: [JOINED], status: 200, token: session.token })
  })

  it('B170 a waiting GET is answered as soon as a frame is sent', async () => {
    const session = await open()
    const polled = session.poll()
    await session.post(JOIN)
    expect((await polled).messages).toEqual([JOINED])
  })

  it('B171 the lines of a batch are handled in order', async () => {
    const session = await open()
    await session.post(`${JOIN}\n["1","2","room:m","echo",2]`, NDJSON)
    const reply = '["1","2","room:m","phx_reply",{"response":2,"status":"ok"}]'
    expect((await session.poll()).messages).toEqual([JOINED, reply])
  })

  it('B172 a batch may have a charset, a trailing newline and version 1 lines', async () => {
    const session = await open()
    await session.post(`${JOIN}\r\n["1","2","room:m","echo",2]\n`, `${NDJSON}; charset=utf-8`)
    const reply = '["1","2","room:m","phx_reply",{"response":2,"status":"ok"}]'
    expect((await session.poll()).messages).toEqual([JOINED, reply])
    const v1 = await open({}, 'vsn=1.0.0')
    await v1.post('{"topic":"room:m","event":"phx_join","payload":{},"ref":"1"}', NDJSON)
    expect((await v1.poll()).messages).toEqual([
      `{"event":"phx_reply","payload":${OK},"ref":"1","topic":"room:m"}`,
    ])
  })

  it('B173 JSON may have the type text/plain or no type', async () => {
    for (const type of ['text/plain', '']) {
      const session = await open()
      expect(await session.post(JOIN, type)).toEqual({ status: 200 })
      expect((await session.poll()).messages).toEqual([JOINED])
    }
  })

  it('B174 a line of base64 is a binary frame', async () => {
    const session = await open()
    const push = hex('00 01 01 06 0b 31 32 726f6f6d3a6d 6f626a6563747265706c79')
    await session.post(`${JOIN}\n${push.toString('base64')}`, NDJSON)
    const reply = '["1","2","room:m","phx_reply",{"response":{"a":1},"status":"ok"}]'
    expect((await session.poll()).messages).toEqual([JOINED, reply])
  })

  it('B175 a batch is read up to its hundredth line', async () => {
    const session = await open()
    const echoes = Array.from({ length: 100 }, (_, at) => `["1","${at + 2}","room:m","echo",${at}]`)
    expect(await session.post([JOIN, ...echoes].join('\n'), NDJSON)).toEqual({ status: 200 })
    expect((await session.poll()).messages).toHaveLength(100)
  })

  it('B176 a frame that cannot be decoded is answered 408 and ends the session', async () => {
    const session = await open({ longpoll: { windowMs: 200 } })
    expect(await session.post('{{')).toEqual({ status: 408 })
    expect(await session.poll()).toMatchObject({ messages: [], status: 410 })
  })

  it('B177 a POST without a valid token is answered 410', async () => {
    const { base } = await serve({ longpoll: true })
    for (const query of ['', '&token=garbage']) {
      const answer = await request(`${base}/socket/longpoll?vsn=2.0.0${query}`, {
        method: 'POST',
        body: JOIN,
      })
      expect(answer).toMatchObject({ status: 200, body: '{"status":410}' })
    }
  })

  it('B178 a GET with an invalid token opens a new session', async () => {
    const { base } = await serve({ longpoll: true })
    const { body } = await request(`${base}/socket/longpoll?vsn=2.0.0&token=garbage`)
    expect(JSON.parse(body)).toEqual({ messages: [], status: 410, token: expect.any(String) })
  })

  it('B179 a refusal is HTTP 200 and the status 403', async () => {
    const { base } = await serve({ longpoll: true, checkOrigin: ['//example.com'] })
    const url = `${base}/socket/longpoll?vsn=`
    for (const answer of [
      await request(`${url}2.0.0&refuse=x`),
      await request(`${url}9.9.9`),
      await request(`${url}2.0.0`, { headers: { origin: 'http://evil.test' } }),
    ]) {
      expect(answer).toMatchObject({ status: 200, body: '{"status":403}' })
    }
  })

  it('B180 an error reply is sent to the next GET like any other frame', async () => {
    const session = await open()
    expect(await session.post('["1","1","nope","phx_join",{}]')).toEqual({ status: 200 })
    expect((await session.poll()).messages).toEqual([
      '[null,"1","nope","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]',
    ])
  })

  it('B181 another method is answered 400 without a body', async () => {
    const { base } = await serve({ longpoll: true })
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      expect(await request(`${base}/socket/longpoll?vsn=2.0.0`, { method })).toMatchObject({
        status: 400,
        body: '',
      })
    }
  })

  it('B182 the response to OPTIONS allows what the request asks for', async () => {
    const { base } = await serve({ longpoll: true })
    const asked = { origin: base, 'access-control-request-headers': 'content-type, x-phoenix-longpoll-token' }
    const answer = await request(`${base}/socket/longpoll`, { method: 'OPTIONS', headers: asked })
    expect(answer).toMatchObject({ status: 200, body: '' })
    expect(answer.headers).toMatchObject({
      'access-control-allow-headers': 'content-type, x-phoenix-longpoll-token',
      'access-control-allow-methods': 'get, post, options',
      'access-control-allow-origin': '*',
      'access-control-max-age': '3600',
    })
  })

  it('B183 every page can read every response', async () => {
    const session = await open()
    for (const answer of [
      await session.request('GET', `vsn=2.0.0`),
      await session.request('POST', `vsn=2.0.0&token=${session.token}`, JOIN),
      await session.request('GET', `vsn=2.0.0&token=${session.token}`),
      await session.request('POST', 'vsn=2.0.0', JOIN),
      await session.request('GET', 'vsn=9.9.9'),
    ]) {
      expect(answer.headers['access-control-allow-origin']).toBe('*')
    }
  })

  it('B184 the token may be sent in a header, which takes precedence over the query', async () => {
    const session = await open()
    const headers = { 'x-phoenix-longpoll-token': decodeURIComponent(session.token) }
    const posted = await session.request('POST', 'vsn=2.0.0&token=garbage', JOIN, headers)
    expect(posted.body).toBe('{"status":200}')
    const polled = await session.request('GET', 'vsn=2.0.0', undefined, headers)
    expect(JSON.parse(polled.body).messages).toEqual([JOINED])
  })

  it('B185 of two GETs the newer gets the frames; the older is answered 204', async () => {
    const session = await open({ longpoll: { windowMs: 500 } })
    const older = session.poll()
    const newer = session.poll()
    await session.post(JOIN)
    const answers = await Promise.all([older, newer])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 204])
  })

  it('B186 a session ends if nobody polls it, and its channels end too', async () => {
    const session = await open({ longpoll: { windowMs: 100 } })
    await session.post(JOIN)
    await until(() => session.probe.terminated.length === 1)
    expect(session.probe.terminated).toEqual([{ shutdown: 'inactive' }])
    expect((await session.poll()).status).toBe(410)
  })

  it('B187 POSTs alone do not keep a session alive', async () => {
    const session = await open({ longpoll: { windowMs: 100 } })
    await session.post(JOIN)
    let status = 200
    while (status === 200) {
      ;({ status } = await session.post('["1","2","room:m","noreply",{}]'))
    }
    expect(status).toBe(410)
  })

  it('B188 after a disconnect the next GET opens a new session', async () => {
    const session = await open({ longpoll: { windowMs: 200 } }, 'vsn=2.0.0&user=u1')
    await session.app.endpoint.broadcast('u1', 'disconnect', {})
    const { status, token } = await session.poll()
    expect(status).toBe(410)
    expect(token).not.toBe(session.token)
  })

  it('B189 a GET on another node is answered 410 within a limited time', async () => {
    const session = await open()
    const other = await serve({ longpoll: true })
    const { body } = await request(`${other.base}/socket/longpoll?vsn=2.0.0&token=${session.token}`)
    expect(JSON.parse(body).status).toBe(410)
  })

  it("B190 the user's own param `token` reaches connect; of two, the last is the session's", async () => {
    const session = await open({}, 'vsn=2.0.0&token=users-own')
    expect(session.probe.connects).toEqual([{ vsn: '2.0.0', token: 'users-own' }])
    const posted = await session.request('POST', `token=users-own&vsn=2.0.0&token=${session.token}`, JOIN)
    expect(posted.body).toBe('{"status":200}')
  })

  it('B191 a body of more than 8 MB is answered 400', async () => {
    const session = await open()
    const posted = await session.request('POST', `vsn=2.0.0&token=${session.token}`, 'x'.repeat(8_000_001))
    expect(posted.status).toBe(400)
  })

  it('B192 every response forbids caching', async () => {
    const session = await open()
    expect((await session.request('GET', 'vsn=2.0.0')).headers['cache-control']).toBe('no-store')
  })
})

/** A server with one long-poll session; its token is ready for a URL. */
async function open(options: Options = {}, query = 'vsn=2.0.0') {
  const server = await serve({ longpoll: true, ...options })
  const send = sender(server)
  const token = encodeURIComponent(JSON.parse((await send('GET', query)).body).token)
  const own = `${query}&token=${token}`
  return {
    ...server,
    request: send,
    token,
    poll: async (): Promise<Polled> => {
      const { token: same, ...polled } = JSON.parse((await send('GET', own)).body)
      return { ...polled, token: encodeURIComponent(same) }
    },
    post: async (body: string, type = 'application/json'): Promise<{ status: number }> =>
      JSON.parse((await send('POST', own, body, type === '' ? {} : { 'content-type': type })).body),
  }
}

type Send = (
  method: string,
  query: string,
  body?: string,
  headers?: Record<string, string>,
) => Promise<RawResponse>

function sender({ base }: Server): Send {
  return (method, query, body = '', headers = {}) =>
    request(`${base}/socket/longpoll?${query}`, { method, body, headers })
}
