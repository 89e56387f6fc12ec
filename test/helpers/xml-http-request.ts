import { type ClientRequest, request } from 'node:http'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { onTestFinished, vi } from 'vitest'

/** As much of a browser's XMLHttpRequest as clients that poll use. */
class XmlHttpRequest {
  readyState = 0
  status = 0
  responseText = ''
  timeout = 0
  onreadystatechange: (() => void) | null = null
  ontimeout: (() => void) | null = null
  onerror: (() => void) | null = null
  onload: (() => void) | null = null
  #request: ClientRequest | null = null
  readonly #headers: Record<string, string> = {}
  #method = 'GET'
  #url = ''

  open(method: string, url: string): void {
    this.#method = method
    this.#url = url
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value
  }

  send(body?: string | null): void {
    const sent = request(this.#url, { method: this.#method, headers: this.#headers, timeout: this.timeout })
    this.#request = sent
    sent.on('timeout', () => this.ontimeout?.())
    sent.on('error', () => this.#done())
    sent.on('response', (response) => {
      text(response).then(
        (received) => {
          this.status = response.statusCode ?? 0
          this.responseText = received
          this.#done()
        },
        () => this.#done(),
      )
    })
    sent.end(body ?? undefined)
  }

  abort(): void {
    this.#request?.destroy()
  }

  #done(): void {
    this.readyState = 4
    this.onreadystatechange?.()
    this.onload?.()
  }
}

/** Have clients that were written for browsers, and are loaded later, find one, until the end of the test. */
export function provideXmlHttpRequest(isInWindow = false): void {
  forgetClients()
  vi.stubGlobal('self', globalThis)
  vi.stubGlobal('XMLHttpRequest', XmlHttpRequest)
  // The client of 1.3 looks for it there alone.
  if (isInWindow) vi.stubGlobal('window', { XMLHttpRequest: XmlHttpRequest })
  onTestFinished(() => {
    vi.unstubAllGlobals()
    forgetClients()
  })
}

/** Clients look for a browser's globals when they are loaded: other tests may have done that. */
function forgetClients(): void {
  const { cache } = createRequire(import.meta.url)
  for (const path of Object.keys(cache)) if (/node_modules.phoenix/.test(path)) delete cache[path]
}
