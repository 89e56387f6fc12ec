import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A reverse proxy that strips a prefix, as `location /chat/ { proxy_pass http://…/; }` of nginx does; gives its URL. */
export async function prefixProxy(prefix: string, target: string): Promise<string> {
  const ask = ({ method, url = '', headers }: IncomingMessage) =>
    request(target + url.slice(prefix.length), { method: method ?? 'GET', headers })
  const proxy = createServer((incoming, outgoing) => {
    if (!incoming.url?.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end()
      return
    }
    const asked = ask(incoming)
    asked.on('error', () => outgoing.destroy())
    asked.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(asked)
  })
  proxy.on('upgrade', (incoming: IncomingMessage, client) => {
    if (!incoming.url?.startsWith(`${prefix}/`)) return client.destroy()
    const asked = ask(incoming)
    asked.on('error', () => client.destroy())
    asked.on('upgrade', ({ rawHeaders }, server) => {
      const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        from.on('error', () => to.destroy())
        from.pipe(to)
      }
    })
    asked.end()
  })
  proxy.listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}`
}
