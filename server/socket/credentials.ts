import { CLOSE_UNAUTHORIZED, RATE_LIMITED, UNAUTHORIZED } from '../../protocol/index.ts'
import { mayStay } from '../channel/authorize.ts'
import type { Channel } from '../channel/channel.ts'
import type { Refreshed, RefreshReply } from '../channel/refresh.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { disown } from '../runtime/promise.ts'
import { expiryProblem, type Handshake, isAccepted } from './connect.ts'
import type { AnySocket, Route } from './define-socket.ts'

/** What credentials need of the connection that they are for. */
export interface Bearer {
  /** Who it is: a fresh token must be of the same. */
  readonly id: string | null
  readonly definition: AnySocket
  readonly channels: Iterable<Channel>
  /** For whom channels are joined; a fresh token gives fresh ones. */
  assigns: unknown
  /** The same, and over them those of a route. */
  assignsOn(route: Pick<Route, 'assigns'>): unknown
  close(code: number, reason: 'expired'): void
  report(error: CallbackError, topic: string): void
}

/** A connection tries no second token within so many milliseconds. */
const REFRESH_EVERY_MS = 1_000

/** How long a connection may stay, and what prolongs it (AUTH-4 to AUTH-7). */
export class Credentials {
  readonly #bearer: Bearer
  /** On the clock of `performance.now()`, as the sweep's; Infinity = never. */
  #expiresAt: number
  #hasWarned: boolean
  #triedAt: number

  /** @param expiresAt in milliseconds since 1970; null = never. */
  constructor(bearer: Bearer, expiresAt: number | null) {
    this.#bearer = bearer
    this.#expiresAt = toDeadline(expiresAt)
    this.#hasWarned = false
    this.#triedAt = Number.NEGATIVE_INFINITY
  }

  /** A part of the sweep: close when the time is over, warn once before (AUTH-4, AUTH-7). */
  sweep(now: number): void {
    const left = this.#expiresAt - now
    // The socket, not its channels: clients never rejoin after phx_close, but they do reconnect, and ask
    // the application for its token anew.
    if (left <= 0) return this.#bearer.close(CLOSE_UNAUTHORIZED, 'expired')
    if (this.#hasWarned || left > this.#bearer.definition.warnBefore) return
    this.#hasWarned = true
    const payload = { expires_in_ms: Math.round(left) }
    for (const channel of this.#bearer.channels) channel.warn(payload)
  }

  /** Take a fresh token, which the channel of this topic was sent (AUTH-5, AUTH-6). */
  async refresh(token: string, topic: string): Promise<Refreshed> {
    const now = performance.now()
    const wait = Math.ceil(this.#triedAt + REFRESH_EVERY_MS - now)
    if (wait > 0) return refused({ reason: RATE_LIMITED, retry_after_ms: wait })
    this.#triedAt = now
    const accepted = await this.#ask(token, topic)
    if (accepted === null) return refused({ reason: UNAUTHORIZED })
    this.#bearer.assigns = accepted.ok
    this.#expiresAt = toDeadline(accepted.expiresAt ?? null)
    this.#hasWarned = false
    const isClosing = await this.#authorizeAgain(topic)
    return { reply: { ok: { expires_in_ms: this.#left } }, isClosing }
  }

  /** Null if the token is not accepted, or is somebody else's. */
  async #ask(token: string, topic: string): Promise<{ ok: unknown; expiresAt?: number } | null> {
    const { definition, id, assigns } = this.#bearer
    try {
      const result = await definition.refresh?.(token, assigns)
      if (!isAccepted(result) || id === null) return null
      const problem = expiryProblem(result.expiresAt)
      if (problem !== null) throw new UsageError('PHX_ERR_RESULT', problem)
      // The definition's own types bind identify to the assigns that its refresh returns.
      const given = definition.identify?.(result.ok as never)
      disown(given)
      return given === id ? result : null
    } catch (cause) {
      this.#bearer.report(new CallbackError('socket', 'refresh', cause), topic)
      return null
    }
  }

  /** True if the asking channel is among those that may not stay; it closes itself when it has answered. */
  async #authorizeAgain(topic: string): Promise<boolean> {
    let isClosing = false
    for (const channel of [...this.#bearer.channels]) {
      if (await this.#mayStay(channel)) continue
      if (channel.topic === topic) isClosing = true
      else channel.revoke()
    }
    return isClosing
  }

  async #mayStay(channel: Channel): Promise<boolean> {
    try {
      const route = this.#bearer.definition.route(channel.topic)
      return route !== null && (await mayStay(channel, this.#bearer.assignsOn(route)))
    } catch (cause) {
      const { topic, definition } = channel
      this.#bearer.report(new CallbackError(definition.contract.topic, 'authorize', cause), topic)
      return false
    }
  }

  get #left(): number | null {
    if (this.#expiresAt === Number.POSITIVE_INFINITY) return null
    return Math.max(0, Math.round(this.#expiresAt - performance.now()))
  }
}

/** Null for a connection whose token never expires and needs no other. */
export function credentialsOf(bearer: Bearer, { expiresAt, definition }: Handshake): Credentials | null {
  return expiresAt === null && definition.refresh === null ? null : new Credentials(bearer, expiresAt)
}

function refused(error: Extract<RefreshReply, { readonly error: object }>['error']): Refreshed {
  return { reply: { error }, isClosing: false }
}

function toDeadline(expiresAt: number | null): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : performance.now() + expiresAt - Date.now()
}
