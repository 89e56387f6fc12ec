import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { withToken } from './tokens.ts'

export type RawRequest = { method?: string; headers?: Record<string, string>; body?: string | Uint8Array }
export type RawResponse = { status: number; headers: IncomingHttpHeaders; body: string }

/** One HTTP request with exactly these headers. An accepted upgrade answers 101 and is hung up at once. */
export async function request(url: string, options: RawRequest = {}): Promise<RawResponse> {
  const { method = 'GET', headers = {}, body } = options
  const outgoing = httpRequest(url.replace(/^ws/, 'http'), { method, headers, agent: false })
  outgoing.end(body)
  const [response] = (await Promise.race([once(outgoing, 'response'), once(outgoing, 'upgrade')])) as [
    IncomingMessage,
  ]
  const { statusCode: status = 0, headers: answered } = response
  if (status !== 101) return { status, headers: answered, body: await text(response) }
  response.socket.destroy()
  return { status, headers: answered, body: '' }
}

/** The headers of a legal WebSocket handshake. */
export const upgradeHeaders: Readonly<Record<string, string>> = Object.freeze({
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
})

/** Answer of the server to a WebSocket handshake. */
export function upgrade(url: string, headers: Record<string, string> = {}): Promise<RawResponse> {
  return request(withToken(url), { headers: { ...upgradeHeaders, ...headers } })
}

/** Wait until a connection has received this number of responses. Rejects with an error of the connection. */
export function responses(tcp: Socket, count: number): Promise<void> {
  let received = ''
  return new Promise((resolve, reject) => {
    tcp.on('error', reject).on('data', (data) => {
      // The whole text, because a chunk may end in the middle of a status line.
      received += data.toString('latin1')
      if ((received.match(/HTTP\/1\.1 \d/g)?.length ?? 0) >= count) resolve()
    })
  })
}
