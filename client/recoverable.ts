import { checkOption } from '../protocol/check.ts'
import { UsageError } from '../protocol/errors.ts'
import { type PhoenixChannel, type PhoenixSocket, recoverableArguments } from './phoenix-client.ts'

/**
 * Position of a client in a topic's history. An application can store the cursor and use it after a reload of the page.
 */
export type Cursor = { readonly epoch: string; readonly seq: number }

/** Options of {@link recoverable}. */
export type RecoverableOptions = {
  /**
   * Called when a join or rejoin cannot continue from the cursor, so that messages may be missing. Runs before the
   * other callbacks of the join. An error that the callback throws is reported like an error of a timer's callback.
   */
  onGap?(gap: { readonly from: Cursor; readonly to: Cursor }): void
  /** Number of latest messages to receive after the join if there is no usable cursor. Default: 0. */
  readonly last?: number
  /** Cursor to continue from, for example one that the application stored before a page reload. Default: none. */
  readonly since?: Cursor | null
}

/** Cursor, and the sender id that the server has given this client. Applications must not store the sender id. */
type Place = Cursor & { readonly id?: string }
type IsMember = (topic: string, event: string, payload: unknown, ...rest: unknown[]) => boolean
/** Members of a channel that are not in the types of phoenix.js. */
type Untyped = {
  readonly isMember?: IsMember
  /** Refs of socket listeners, which phoenix.js removes together with the channel. Not in 1.3. */
  readonly stateChangeRefs?: unknown[]
  trigger?(event: string): void
}

/**
 * Create a phoenix.js channel that recovers missed broadcasts: after an interruption, the client receives all
 * broadcasts that the topic's history has kept in the meantime (RECOVERY-17). Works with phoenix.js 1.3 and later;
 * params that are a function require phoenix.js 1.4. The channel also has the function `cursor`, which returns the
 * current position in the history.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid argument, or a channel without `isMember`.
 */
export function recoverable<P extends PhoenixChannel>(
  socket: PhoenixSocket<P>,
  topic: string,
  params: object | (() => object) = {},
  options: RecoverableOptions = {},
): P & { cursor(): Cursor | null } {
  checkOption('recoverable', { socket, topic, params, options }, recoverableArguments)
  const { onGap, last = 0, since = null } = options
  let place: Place | null = since && { epoch: since.epoch, seq: since.seq }
  const cursorOf = ({ epoch, seq }: Place): Cursor => ({ epoch, seq })
  // phoenix.js reads the params again at each join, so `_since` is a getter that returns the current value of `place`.
  // In phoenix.js 1.4 and later, the params can be a function.
  const asked = { _since: { enumerable: true, get: () => place }, _last: { enumerable: true, value: last } }
  const sent = (given: object) => Object.defineProperties(forwarded(given), asked)
  const channel = socket.channel(topic, typeof params === 'function' ? () => sent(params()) : sent(params))
  // The cast is safe: all members of `Untyped` are optional, and `isMember` is checked below. phoenix.js calls
  // `isMember` once per message, before any callback.
  const untyped = channel as unknown as Untyped
  const { isMember } = untyped
  if (isMember === undefined) {
    const legal = 'must be a Socket of phoenix.js (got a socket whose channels have no method `isMember`)'
    throw new UsageError('PHX_ERR_OPTION', `recoverable: \`socket\` ${legal}`)
  }

  // If a long-poll session is lost, phoenix.js before 1.8.2 opens a new session, but does not report the loss to the
  // channel. The channel stays joined, although the new session has no such channel. Let the channel rejoin.
  const opened = socket.onOpen?.(() => {
    if (channel.state === 'joined') untyped.trigger?.('phx_error')
  })
  untyped.stateChangeRefs?.push(opened)

  /** Call `onGap`. An error that it throws must not stop phoenix.js from handling the reply to the join. */
  function tellGap(gap: { readonly from: Cursor; readonly to: Cursor }): void {
    try {
      onGap?.(gap)
    } catch (error) {
      setTimeout(() => {
        throw error
      })
    }
  }

  function takes(event: string, payload: unknown): boolean {
    const { _seq: seq, status, response } = Object(payload)
    const { epoch, seq: after, id, recovered } = Object(status === 'ok' ? Object(response)._recovery : null)
    if (event === 'phx_reply' && epoch !== undefined) {
      const from = place
      place = { epoch, seq: after, id }
      if (from !== null && !recovered) tellGap({ from: cursorOf(from), to: cursorOf(place) })
      return true
    }
    if (typeof seq !== 'number') return true
    // Frames for an earlier channel of the topic can arrive until the join is answered. They are not for this channel.
    if (channel.state !== 'joined') return false
    // The reply to the join had no `_recovery`, so the topic has no history, and `_seq` is a key of the application.
    if (place === null) return true
    if (seq <= place.seq) return false
    place = { ...place, seq }
    return event !== '_seq'
  }

  return Object.assign(channel, {
    isMember: (...given: Parameters<IsMember>) => isMember.apply(channel, given) && takes(given[1], given[2]),
    cursor: () => (place === null ? null : cursorOf(place)),
  })
}

/** Create an object with the keys of `params`. Each access to a key reads the current value from `params`. */
function forwarded(params: object): object {
  const get = (key: string) => ({ enumerable: true, configurable: true, get: () => Reflect.get(params, key) })
  return Object.defineProperties({}, Object.fromEntries(Object.keys(params).map((key) => [key, get(key)])))
}
