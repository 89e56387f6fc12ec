import { CLOSE_UNAUTHORIZED, RATE_LIMITED, UNAUTHORIZED } from '../../protocol/index.ts'
import { mayStay } from '../channel/authorize.ts'
import type { Channel } from '../channel/channel.ts'
import type { Refreshed, RefreshReply } from '../channel/refresh.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { disown } from '../runtime/promise.ts'
import { expiryProblem, type Handshake, isAccepted, refusalReason } from './connect.ts'
import type { AnySocket, Route } from './define-socket.ts'

/** Properties of a connection that its `Credentials` object uses. */
export interface CredentialHolder {
  /** Id of the socket. A fresh token must yield the same id; otherwise the token belongs to another user. */
  readonly id: string | null
  readonly definition: AnySocket
  readonly channels: Iterable<Channel>
  /** The assigns that `connect` or the latest token refresh returned. */
  assigns: unknown
  /** Returns the socket's assigns, overridden by the assigns of the route. */
  assignsOn(route: Pick<Route, 'assigns'>): unknown
  close(code: number, reason: 'expired'): void
  report(error: CallbackError, topic: string): void
}

/** Minimum interval between two refreshes of a connection, in milliseconds. */
const REFRESH_EVERY_MS = 1_000

/** Expiry of a connection, and its extension by fresh tokens (AUTH-4 to AUTH-7). */
export class Credentials {
  readonly #holder: CredentialHolder
  /** Time of expiry on the clock of `performance.now()`, like the `now` of `sweep`; Infinity for never. */
  #expiresAt: number
  /** Channels that have been warned of the current expiry; null until the first warning is due (`warnBefore`). */
  #warned: WeakSet<Channel> | null
  #triedAt: number
  /** Time at which the token now in effect was sent; -Infinity before the first refresh. */
  #acceptedAt: number

  /** @param expiresAt milliseconds since 1970; null for never. */
  constructor(holder: CredentialHolder, expiresAt: number | null) {
    this.#holder = holder
    this.#expiresAt = toDeadline(expiresAt)
    this.#warned = null
    this.#triedAt = Number.NEGATIVE_INFINITY
    this.#acceptedAt = Number.NEGATIVE_INFINITY
  }

  /** Close an expired connection, or warn each channel once shortly before the expiry (AUTH-4, AUTH-7). */
  sweep(now: number): void {
    const left = this.#expiresAt - now
    // Close the socket, not its channels: clients reconnect with a new token, but never rejoin after phx_close.
    if (left <= 0) return this.#holder.close(CLOSE_UNAUTHORIZED, 'expired')
    if (left > this.#holder.definition.warnBefore) return
    this.#warned ??= new WeakSet()
    const payload = { expires_in_ms: Math.round(left) }
    // Check all channels at each sweep, because a channel may have joined since the last sweep.
    for (const channel of this.#holder.channels) {
      if (channel.isJoining || channel.hasEnded || this.#warned.has(channel)) continue
      this.#warned.add(channel)
      const { warnEvent } = channel.definition
      if (warnEvent !== null) channel.pushNow(warnEvent, payload, false)
    }
  }

  /** Process a fresh token that was sent on this topic (AUTH-5, AUTH-6). */
  async refresh(token: string, topic: string): Promise<Refreshed> {
    const now = performance.now()
    const wait = Math.ceil(this.#triedAt + REFRESH_EVERY_MS - now)
    if (wait > 0) return refused({ reason: RATE_LIMITED, retry_after_ms: wait })
    this.#triedAt = now
    const accepted = await this.#ask(token, topic)
    if (accepted === null) return refused({ reason: UNAUTHORIZED })
    // Meanwhile, a token that the client sent after this one was accepted. Keep that token (AUTH-5).
    if (now < this.#acceptedAt) return { reply: { ok: { expires_in_ms: this.#left } }, isClosing: false }
    this.#acceptedAt = now
    this.#holder.assigns = accepted.ok
    this.#expiresAt = toDeadline(accepted.expiresAt ?? null)
    this.#warned = null
    const isClosing = await this.#authorizeAgain(topic, now)
    return { reply: { ok: { expires_in_ms: this.#left } }, isClosing }
  }

  /**
   * Call `refresh` of the socket definition. Returns null if `refresh` throws or does not accept the token, or if the
   * token belongs to another user.
   */
  async #ask(token: string, topic: string): Promise<{ ok: unknown; expiresAt?: number } | null> {
    const { definition, id, assigns } = this.#holder
    try {
      const result = await definition.refresh?.(token, assigns)
      if (!isAccepted(result)) {
        if (definition.refresh !== null) refusalReason(result)
        return null
      }
      if (id === null) return null
      const problem = expiryProblem(result.expiresAt)
      if (problem !== null) throw new UsageError('PHX_ERR_RESULT', problem)
      // The cast is safe: the types of the definition ensure that `identify` takes the assigns that `refresh` returns.
      const given = definition.identify?.(result.ok as never)
      disown(given)
      return given === id ? result : null
    } catch (cause) {
      this.#holder.report(new CallbackError('socket', 'refresh', cause), topic)
      return null
    }
  }

  /**
   * Authorize all channels with the new assigns, and close the channels that are no longer allowed. The channel of
   * `topic` is not closed here, because it must first reply to the refresh. Returns true if this channel is no longer
   * allowed; the channel then closes itself after the reply.
   */
  async #authorizeAgain(topic: string, sentAt: number): Promise<boolean> {
    let isClosing = false
    for (const channel of [...this.#holder.channels]) {
      const isAllowed = await this.#mayStay(channel)
      // Meanwhile, a later token was accepted, and its assigns decide.
      if (sentAt < this.#acceptedAt) return false
      if (isAllowed) continue
      if (channel.topic === topic) isClosing = true
      else channel.revoke()
    }
    return isClosing
  }

  async #mayStay(channel: Channel): Promise<boolean> {
    try {
      const route = this.#holder.definition.route(channel.topic)
      return route !== null && (await mayStay(channel, this.#holder.assignsOn(route)))
    } catch (cause) {
      const { topic, definition } = channel
      this.#holder.report(new CallbackError(definition.contract.topic, 'authorize', cause), topic)
      return false
    }
  }

  get #left(): number | null {
    if (this.#expiresAt === Number.POSITIVE_INFINITY) return null
    return Math.max(0, Math.round(this.#expiresAt - performance.now()))
  }
}

/** Credentials of a connection; null if the connection never expires and its token cannot be refreshed. */
export function credentialsOf(
  holder: CredentialHolder,
  { expiresAt, definition }: Handshake,
): Credentials | null {
  return expiresAt === null && definition.refresh === null ? null : new Credentials(holder, expiresAt)
}

function refused(error: Extract<RefreshReply, { readonly error: object }>['error']): Refreshed {
  return { reply: { error }, isClosing: false }
}

function toDeadline(expiresAt: number | null): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : performance.now() + expiresAt - Date.now()
}
