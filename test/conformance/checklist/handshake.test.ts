import { Type } from 'typebox'
import { describe, expect, it, vi } from 'vitest'
import { defineSocket } from '../../../server/index.ts'
import { request, upgrade, upgradeHeaders } from '../../helpers/raw-http.ts'
import { Probe } from './channel.ts'
import { listen, serve, testSocket } from './fixture.ts'

const WS = '/socket/websocket?vsn=2.0.0'

describe('HTTP and handshake', () => {
  it('B001 the path for WebSockets is the path of the mount and /websocket', async () => {
    const { base } = await serve()
    const { status, headers } = await upgrade(base + WS)
    expect(status).toBe(101)
    expect(headers['sec-websocket-accept']).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  })

  it('B002 a path with an extra segment is not a socket', async () => {
    const { base } = await serve()
    expect((await upgrade(`${base}/socket/websocket/x?vsn=2.0.0`)).status).toBe(404)
  })

  it('B003 the option path replaces the last segments', async () => {
    const { base } = await serve({ websocket: { path: 'nested/path' } })
    expect((await upgrade(`${base}/socket/nested/path?vsn=2.0.0`)).status).toBe(101)
    expect((await upgrade(base + WS)).status).toBe(404)
  })

  it('B004 path variables reach the connect params', async () => {
    const probe = new Probe()
    const { base } = await listen({ '/c/:v': testSocket(probe) })
    await upgrade(`${base}/c/1/websocket?vsn=2.0.0`)
    expect(probe.connects).toEqual([{ v: '1', vsn: '2.0.0' }])
  })

  it('B005 a path variable takes precedence over the query param with its name', async () => {
    const probe = new Probe()
    const { base } = await listen({ '/c/:v': testSocket(probe) })
    await upgrade(`${base}/c/1/websocket?v=2&vsn=2.0.0`)
    expect(probe.connects).toEqual([{ v: '1', vsn: '2.0.0' }])
  })

  it('B006 another method on the WebSocket path is answered 400 without a body', async () => {
    const { base } = await serve()
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      expect(await request(base + WS, { method }), method).toMatchObject({ status: 400, body: '' })
    }
  })

  it('B007 a plain GET is answered 400 with the name of the missing header', async () => {
    const { base } = await serve()
    const { status, headers, body } = await request(base + WS)
    expect(status).toBe(400)
    expect(body).toMatch(/connection|upgrade/i)
    expect(headers['content-type']).toBeUndefined()
  })

  it('B008 a WebSocket version other than 13 is refused with 400', async () => {
    const { base } = await serve()
    expect((await upgrade(base + WS, { 'sec-websocket-version': '8' })).status).toBe(400)
  })

  it('B009 a handshake without a key is refused with 400', async () => {
    const { base } = await serve()
    const { 'sec-websocket-key': _, ...headers } = upgradeHeaders
    expect((await request(base + WS, { headers })).status).toBe(400)
  })

  it('B010 a connect that refuses is answered 403 without a body', async () => {
    const { base } = await serve()
    expect(await upgrade(`${base}${WS}&refuse=x`)).toMatchObject({ status: 403, body: '' })
  })

  it('B010 params that do not match their schema never reach connect', async () => {
    const connect = vi.fn(() => ({ ok: {} }))
    const socket = defineSocket({ params: Type.Object({ token: Type.String() }), connect })
    const { base } = await listen({ '/socket': socket })
    expect(await upgrade(base + WS)).toMatchObject({ status: 403, body: '' })
    expect(connect).not.toHaveBeenCalled()
  })

  it('B011 if the mount has a handler for refusals, its response is sent', async () => {
    const { base } = await serve({ refuse: (reason) => ({ status: 429, body: `slow down: ${reason}` }) })
    expect(await upgrade(`${base}${WS}&refuse=x`)).toMatchObject({ status: 429, body: 'slow down: x' })
  })

  it('B012 a connect that throws is answered 500 without the error', async () => {
    const { base } = await serve()
    expect(await upgrade(`${base}${WS}&raise=x`)).toMatchObject({ status: 500, body: '' })
  })

  it('B013 an id that is not a string is answered 403', async () => {
    const socket = defineSocket({ connect: () => ({ ok: {} }) }).id(() => 7 as unknown as string)
    const { base } = await listen({ '/socket': socket })
    expect(await upgrade(base + WS)).toMatchObject({ status: 403, body: '' })
  })

  it('B014 a refused origin never reaches connect', async () => {
    const { base, probe } = await serve({ checkOrigin: ['//example.com'] })
    expect((await upgrade(base + WS, { origin: 'http://evil.test' })).status).toBe(403)
    expect(probe.connects).toEqual([])
  })

  it('B015 a refused vsn never reaches connect', async () => {
    const { base, probe } = await serve()
    expect((await upgrade(`${base}/socket/websocket?vsn=9.9.9`)).status).toBe(403)
    expect(probe.connects).toEqual([])
  })

  it('B016 long-poll is off by default', async () => {
    const { base } = await serve()
    expect((await request(`${base}/socket/longpoll?vsn=2.0.0`)).status).toBe(404)
  })

  it('B017 a query that is not UTF-8 is answered 400, and an invalid escape stands for itself', async () => {
    const { base } = await serve()
    expect((await upgrade(`${base}${WS}&a=%ff`)).status).toBe(400)
    expect((await upgrade(`${base}${WS}&a=%ff%`)).status).toBe(400)
    expect((await upgrade(`${base}${WS}&a=%zz`)).status).toBe(101)
  })

  it('B018 a query of 10 kB works; Node answers 431 if the head is larger than 16 KiB', async () => {
    const { base } = await serve()
    expect((await upgrade(`${base}${WS}&token=${'x'.repeat(10_000)}`)).status).toBe(101)
    expect((await upgrade(`${base}${WS}&token=${'x'.repeat(20_000)}`)).status).toBe(431)
  })

  it('B019 the server sends nothing unasked after 101', async () => {
    const server = await serve()
    await (await server.connect()).nothing()
  })
})
