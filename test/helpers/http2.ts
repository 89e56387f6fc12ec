import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import { onTestFinished } from 'vitest'

/** For `localhost` and 127.0.0.1, signed by itself; the key guards nothing. */
export const certificate = Object.freeze({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKNgnonYap6OCTkHb
31xSPTcOm+VlZmxDShVnTzMSXxuhRANCAAQDxOkLPTOneLqx/jhjRbAQj0lbEUAP
uX4CZI1I9YxqrQ1fZCrJNDt0wSNOvLO5KSJcotQXCmKiKOrRRkXaKZQ1
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUP/4CcpVIJuqXsuRH/zu50KWNA0MwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTE2MzY0OFoYDzIxMjYxMTA1
MTYzNjQ4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQDxOkLPTOneLqx/jhjRbAQj0lbEUAPuX4CZI1I9YxqrQ1fZCrJNDt0
wSNOvLO5KSJcotQXCmKiKOrRRkXaKZQ1o28wbTAdBgNVHQ4EFgQU49OeWWTBYVhs
3GYYrRD6jJqd6h0wHwYDVR0jBBgwFoAU49OeWWTBYVhs3GYYrRD6jJqd6h0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDSAAwRQIgddcliJG3NyPa1q2liXNeCSVgpjr8kiA9rDjzMcZ+KDECIQCx
NQVqaov/3bHIMLYqhm6jtHPSFgddEb3Nip/4Fn3jcg==
-----END CERTIFICATE-----`,
})

export type Http2Request = { method?: string; headers?: Record<string, string>; body?: string | Uint8Array }
export type Http2Response = { status: number; headers: IncomingHttpHeaders; body: string }

/** One connection of HTTP/2, until the end of the test. */
export class Http2Client {
  readonly session: ClientHttp2Session

  constructor(base: string) {
    this.session = connect(base, { ca: certificate.cert })
    // A server that stops may cut it off.
    this.session.on('error', () => {})
    onTestFinished(() => this.session.destroy())
  }

  /** Begin a request; a POST is sent no length and no type. Its body is for the test to end. */
  begin(path: string, { method = 'GET', headers = {} }: Http2Request = {}): ClientHttp2Stream {
    const stream = this.session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: method !== 'POST' },
    )
    stream.on('error', () => {})
    return stream
  }

  async request(path: string, asked: Http2Request = {}): Promise<Http2Response> {
    const stream = this.begin(path, asked)
    if (asked.method === 'POST') stream.end(asked.body)
    return answerOf(stream)
  }
}

/** Answer to a request. A server that no longer reads the request ends the stream after its answer. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Response> {
  let body = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    body += text
  })
  const closed = once(stream, 'close')
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  await closed
  return { status: Number(headers[':status']), headers, body }
}
