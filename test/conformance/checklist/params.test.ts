import { describe, expect, it } from 'vitest'
import { upgrade } from '../../helpers/raw-http.ts'
import { serve } from './fixture.ts'

describe('params', () => {
  it('B020 of two params with the same name the last counts', async () => {
    expect(await paramsOf('a=1&a=2')).toMatchObject({ a: '2' })
  })

  it('B021 name[] makes a list', async () => {
    expect(await paramsOf('b[]=1&b[]=2')).toMatchObject({ b: ['1', '2'] })
  })

  it('B022 name[key] makes an object', async () => {
    expect(await paramsOf('c[x]=1&c[y][z]=2')).toMatchObject({ c: { x: '1', y: { z: '2' } } })
  })

  it('B023 a name without a value has the empty string', async () => {
    expect(await paramsOf('d&e=')).toMatchObject({ d: '', e: '' })
  })

  it('B024 name[0] is a key of an object, not an index of a list', async () => {
    expect(await paramsOf('g[0][a]=1')).toMatchObject({ g: { 0: { a: '1' } } })
  })

  it('B025 both + and %20 are decoded to a space', async () => {
    expect(await paramsOf('f=a+b%20c')).toMatchObject({ f: 'a b c' })
  })

  it('a stray % is literal, and invalid UTF-8 is 400 (PARAMS-1)', async () => {
    expect(await paramsOf('token=100%')).toMatchObject({ token: '100%' })
    const { base } = await serve()
    expect((await upgrade(`${base}/socket/websocket?vsn=2.0.0&token=%ff%`)).status).toBe(400)
  })

  it('B026 vsn itself is among the params', async () => {
    expect(await paramsOf('a=1')).toEqual({ vsn: '2.0.0', a: '1' })
  })
})

async function paramsOf(query: string): Promise<unknown> {
  const { base, probe } = await serve()
  expect((await upgrade(`${base}/socket/websocket?vsn=2.0.0&${query}`)).status).toBe(101)
  return probe.connects[0]
}
