import { describe, expect, it } from 'vitest'
import { upgrade } from '../../helpers/raw-http.ts'
import { Probe } from './channel.ts'
import { listen, type Options, serve, testSocket } from './fixture.ts'

type CheckOrigin = Exclude<Options['checkOrigin'], undefined>
const WS = '/socket/websocket?vsn=2.0.0'

describe('origin', () => {
  it('B045 a request without an origin is accepted, even with a list', async () => {
    const { base } = await serve({ checkOrigin: ['//example.com'] })
    expect((await upgrade(base + WS)).status).toBe(101)
  })

  it('B046 a list entry without a scheme allows every scheme and port', async () => {
    const allowed = ['http://example.com', 'https://example.com', 'http://example.com:8080']
    expect(await statuses({ checkOrigin: ['//example.com'] }, allowed)).toEqual([101, 101, 101])
    expect(
      await statuses({ checkOrigin: ['//example.com'] }, ['http://other.com', 'http://example.com.evil']),
    ).toEqual([403, 403])
  })

  it('B047 a list entry with a scheme allows only the default port of the scheme', async () => {
    const origins = ['https://example.com', 'http://example.com', 'https://example.com:8443']
    expect(await statuses({ checkOrigin: ['https://example.com'] }, origins)).toEqual([101, 403, 403])
  })

  it('B048 a wildcard allows the host itself and its subdomains at every depth', async () => {
    const origins = ['http://a.x.test', 'http://a.b.x.test', 'http://x.test', 'http://prefix-x.test']
    expect(await statuses({ checkOrigin: ['//*.x.test'] }, origins)).toEqual([101, 101, 101, 403])
  })

  it('B049 an origin without a host is refused, unless origins are not checked', async () => {
    const origins = ['null', '', 'file://']
    expect(await statuses({ checkOrigin: ['//example.com'] }, origins)).toEqual([403, 403, 403])
    expect(await statuses({ checkOrigin: true, urlHost: 'example.com' }, origins)).toEqual([403, 403, 403])
    expect(await statuses({ checkOrigin: false }, origins)).toEqual([101, 101, 101])
  })

  it('B050 `true` compares only the host, with the configured host', async () => {
    const origins = ['http://chat.test', 'https://chat.test:8443', 'http://evil.test']
    expect(await statuses({ checkOrigin: true, urlHost: 'chat.test' }, origins)).toEqual([101, 101, 403])
  })

  it('B050 by default, host and port must be those of the Host header', async () => {
    const origins = ['http://chat.test', 'https://chat.test', 'http://chat.test:8080', 'http://evil.test']
    expect(await statuses({}, origins, 'chat.test')).toEqual([101, 101, 403, 403])
    expect(await statuses({}, ['http://chat.test:8080', 'http://chat.test'], 'chat.test:8080')).toEqual([
      101, 403,
    ])
  })

  it('B051 `conn` compares scheme, host and port', async () => {
    const origins = [
      'http://chat.test:4000',
      'https://chat.test:4000',
      'http://chat.test',
      'ws://chat.test:4000',
    ]
    expect(await statuses({ checkOrigin: 'conn' }, origins, 'chat.test:4000')).toEqual([101, 403, 403, 403])
  })

  it('B052 a function is called with the parsed origin', async () => {
    const seen: string[] = []
    const checkOrigin: CheckOrigin = ({ scheme, host, port }) => {
      seen.push(`${scheme} ${host} ${port}`)
      return host === 'good.test'
    }
    const origins = ['https://good.test:8443', 'http://evil.test']
    expect(await statuses({ checkOrigin }, origins)).toEqual([101, 403])
    expect(seen).toEqual(['https good.test 8443', 'http evil.test 80'])
  })

  it('B053 a refused origin gets an empty 403', async () => {
    const { base } = await serve({ checkOrigin: ['//example.com'] })
    expect(await upgrade(base + WS, { origin: 'http://evil.test' })).toMatchObject({ status: 403, body: '' })
  })

  it('B054 two mounts of one socket have their own lists', async () => {
    const socket = testSocket(new Probe())
    const { base } = await listen({
      '/a': { socket, checkOrigin: ['//a.test'] },
      '/b': { socket, checkOrigin: ['//b.test'] },
    })
    const origin = { origin: 'http://b.test' }
    expect((await upgrade(`${base}/a/websocket?vsn=2.0.0`, origin)).status).toBe(403)
    expect((await upgrade(`${base}/b/websocket?vsn=2.0.0`, origin)).status).toBe(101)
  })
})

/** Status of a server with these options for each origin. */
async function statuses(options: Options, origins: string[], host?: string): Promise<number[]> {
  const { base } = await serve(options)
  const answers: number[] = []
  for (const origin of origins) {
    const headers = host === undefined ? { origin } : { origin, host }
    answers.push((await upgrade(base + WS, headers)).status)
  }
  return answers
}
