import type { FastifyRequest } from 'fastify'
import { UsageError } from '../errors.ts'
import {
  type ConnectInfo,
  type ConnectInfoKey,
  type ConnectSource,
  connectInfo,
} from '../socket/connect-info.ts'

/** Parts of a request that a test can set, in addition to the params. */
export type ConnectOptions = {
  /**
   * Values of `connectInfo` for the test. An omitted value is taken from the option `headers` or from a simulated
   * loopback connection.
   */
  readonly connectInfo?: ConnectInfo
  /** Request headers. Names are not case-sensitive. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Request without a network. `connect` gets only the values that the socket or its mount lists in `connectInfo`. */
export class TestRequest implements ConnectSource {
  readonly peerData: ConnectSource['peerData']
  readonly uri: ConnectSource['uri']
  readonly headers: Readonly<Record<string, string>>
  readonly authToken: string | null
  readonly #given: ConnectInfo

  constructor(path: string, query: string, { connectInfo = {}, headers = {} }: ConnectOptions) {
    const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
    this.#given = connectInfo
    this.headers = { host: 'localhost', ...Object.fromEntries(named) }
    this.peerData = connectInfo.peerData ?? { address: '127.0.0.1', port: 0 }
    const [host = '', port] = (this.headers['host'] ?? '').split(':')
    const asked = { scheme: 'http', host, port: port === undefined ? null : Number(port), path, query }
    this.uri = connectInfo.uri ?? asked
    this.authToken = connectInfo.authToken ?? null
  }

  get ip(): string {
    return this.peerData.address
  }

  /** Fastify request that the test has set. @throws UsageError when the test has set no request. */
  get request(): FastifyRequest {
    const { request } = this.#given
    if (request !== undefined) return request
    throw new UsageError(
      'PHX_ERR_OPTION',
      'endpoint.connect: the socket or its mount lists `request` in `connectInfo`, so the test must pass one: endpoint.connect(path, params, { connectInfo: { request } })',
    )
  }

  /**
   * Return the info for `connect`.
   * @throws UsageError when the test gives a key that neither the socket nor its mount lists.
   */
  info(keys: readonly ConnectInfoKey[]): ConnectInfo {
    const unlisted = Object.keys(this.#given).find((key) => !keys.some((listed) => listed === key))
    if (unlisted !== undefined) {
      const listed = keys.join(', ') || 'none'
      throw new UsageError(
        'PHX_ERR_OPTION',
        `endpoint.connect: "${unlisted}" is not in the \`connectInfo\` of the socket or of its mount. Keys there: ${listed}`,
      )
    }
    return { ...connectInfo(keys, this), ...this.#given }
  }
}
