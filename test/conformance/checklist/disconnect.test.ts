import { describe, expect, it, onTestFinished } from 'vitest'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { join, joined, serve } from './fixture.ts'

describe('disconnect and drain', () => {
  it('B161 the broadcast `disconnect` on an id closes all its connections with 1001', async () => {
    const { app, connect, client } = await joined()
    const phone = await connect('vsn=2.0.0&user=u1')
    const laptop = await connect('vsn=2.0.0&user=u1')
    await join(phone)
    await app.endpoint.broadcast('u1', 'disconnect', {})
    await expect(phone.next()).rejects.toThrow('closed with 1001')
    expect(await laptop.closed).toBe(1001)
    await client.nothing()
  })

  it('B162 another event on the id has no effect', async () => {
    const { app, connect } = await joined()
    const client = await connect('vsn=2.0.0&user=u1')
    await app.endpoint.broadcast('u1', 'other', {})
    await client.nothing()
  })

  it('B163 a connection without an id cannot be disconnected', async () => {
    const { app, client } = await joined()
    for (const id of ['', 'null', 'undefined']) await app.endpoint.broadcast(id, 'disconnect', {})
    await client.nothing()
  })

  it('B164 a server that stops closes with 1012, without phx_close or phx_error', async () => {
    const { app, client, probe } = await joined()
    const closing = app.close()
    await expect(client.next()).rejects.toThrow('closed with 1012')
    await closing
    expect(probe.terminated).toEqual([{ shutdown: 'draining' }])
  })

  it('B165 a server that stops closes connections without channels with 1012, too', async () => {
    const server = await serve()
    const client = await server.connect()
    const closing = server.app.close()
    expect(await client.closed).toBe(1012)
    await closing
  })

  it('B166 connections are drained in batches', async () => {
    const { app, connect, client } = await joined({ drainer: { batchSize: 1, batchInterval: 200 } })
    const others = [await connect(), await connect()]
    for (const other of others) await join(other)
    const times: number[] = []
    const note = () => times.push(performance.now())
    telemetry.socketDrain.subscribe(note)
    onTestFinished(() => void telemetry.socketDrain.unsubscribe(note))
    await app.close()
    expect(await Promise.all([client, ...others].map(({ closed }) => closed))).toEqual([1012, 1012, 1012])
    const [first = 0, second = 0, third = 0] = times
    expect(second - first).toBeGreaterThan(190)
    expect(third - second).toBeGreaterThan(190)
  })
})
